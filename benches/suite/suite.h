/* The kernels of the comparison. Each does `n` rounds of its work and gives a checksum of what it computed. */
#ifndef SUITE_H
#define SUITE_H

#include <stddef.h>
#include <stdint.h>

/* Kept out of line, so that a call is a call. */
#define NOINLINE __attribute__((noinline))

/* A generator (xorshift) with the same values everywhere. */
static inline uint64_t next_random(uint64_t *state)
{
    uint64_t x = *state;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return *state = x;
}

/* `size`, unknown to the compiler as sizes mostly are: with a constant it would use the SIMD of one target only. */
static inline int any_size(int size)
{
    __asm__("" : "+r"(size));
    return size;
}

/* One step of a checksum. */
static inline uint64_t mix(uint64_t sum, uint64_t value)
{
    return (sum ^ value) * 0x100000001b3u;
}

uint64_t alu(uint64_t n);
uint64_t mixed(uint64_t n);
uint64_t quicksort(uint64_t n);
uint64_t chase_l1(uint64_t n);
uint64_t chase_memory(uint64_t n);
uint64_t copy(uint64_t n);
uint64_t triad(uint64_t n);
uint64_t matmul_double(uint64_t n);
uint64_t matmul_single(uint64_t n);
uint64_t nbody(uint64_t n);
uint64_t recursion(uint64_t n);
uint64_t interpreter(uint64_t n);
uint64_t indirect(uint64_t n);
uint64_t strings(uint64_t n);
uint64_t system_calls(uint64_t n);
uint64_t page_faults(uint64_t n);
uint64_t fork_exec(uint64_t n);

/* Writes `n` times 64 KiB of something like text to standard output. */
void write_text(uint64_t n);

#endif
