/* Control flow: calls and returns, a dispatch loop, calls through pointers. */
#include "suite.h"

static NOINLINE uint64_t fibonacci(uint64_t n)
{
    return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2);
}

/* One deep tree of calls. */
uint64_t recursion(uint64_t n)
{
    return fibonacci(n);
}

enum op { PUSH, ADD, SUB, MUL, XOR, SHIFT, LOAD, STORE, DUP, LOOP, END };

/* A machine with a stack and four cells, and a program of two nested loops for it. */
uint64_t interpreter(uint64_t n)
{
    static const uint8_t program[] = {
        PUSH, 200,  STORE, 0,                                 /* cell 0: the inner count */
        LOAD, 1,    PUSH,  7,     MUL,   PUSH, 13, ADD, STORE, 1,
        LOAD, 2,    LOAD,  1,     XOR,   DUP,  PUSH, 3, SHIFT, ADD, STORE, 2,
        LOAD, 2,    LOAD,  0,     SUB,   STORE, 2,
        LOAD, 0,    PUSH,  1,     SUB,   DUP,  STORE, 0,
        LOOP, 4,
        LOAD, 3,    PUSH,  1,     SUB,   DUP,  STORE, 3,
        LOOP, 0,
        END,
    };
    uint64_t stack[16], cells[4] = {0, 1, 2, n}, *top = stack;
    const uint8_t *at = program;
    for (;;) {
        switch ((enum op)*at++) {
        case PUSH:
            *top++ = *at++;
            break;
        case ADD:
            top--;
            top[-1] += *top;
            break;
        case SUB:
            top--;
            top[-1] -= *top;
            break;
        case MUL:
            top--;
            top[-1] *= *top;
            break;
        case XOR:
            top--;
            top[-1] ^= *top;
            break;
        case SHIFT:
            top--;
            top[-1] >>= *top & 63;
            break;
        case LOAD:
            *top++ = cells[*at++];
            break;
        case STORE:
            cells[*at++] = *--top;
            break;
        case DUP:
            *top = top[-1];
            top++;
            break;
        case LOOP:
            if (*--top)
                at = program + *at;
            else
                at++;
            break;
        case END:
            return mix(cells[1], cells[2]);
        }
    }
}

#define STEP(name, expression)                                                                                        \
    static NOINLINE uint64_t name(uint64_t x)                                                                         \
    {                                                                                                                 \
        return expression;                                                                                            \
    }
STEP(step0, x + 1)
STEP(step1, x ^ (x >> 3))
STEP(step2, x * 5)
STEP(step3, x - (x << 2))
STEP(step4, ~x)
STEP(step5, x + (x >> 1))
STEP(step6, (x << 7) | (x >> 57))
STEP(step7, x ^ 0x55aa)

/* Calls of eight functions through a table, in an order that depends on the data. */
uint64_t indirect(uint64_t n)
{
    static uint64_t (*const steps[])(uint64_t) = {step0, step1, step2, step3, step4, step5, step6, step7};
    uint64_t x = 12345;
    for (uint64_t i = 0; i < n; i++)
        x = steps[(x ^ i) & 7](x);
    return x;
}
