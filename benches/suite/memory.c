/* Memory: chains of dependent loads within and beyond the caches, and streams. */
#include "suite.h"
#include <stdlib.h>

/* Follows `n` links of one random cycle through `length` cells. */
static NOINLINE uint64_t chase(size_t length, uint64_t n)
{
    uint64_t *cells = malloc(length * sizeof *cells), random = 99, at = 0;
    for (size_t i = 0; i < length; i++)
        cells[i] = i;
    /* Sattolo's shuffle leaves a single cycle. */
    for (size_t i = length - 1; i > 0; i--) {
        size_t j = next_random(&random) % i;
        uint64_t held = cells[i];
        cells[i] = cells[j];
        cells[j] = held;
    }
    for (uint64_t i = 0; i < n; i++)
        at = cells[at];
    free(cells);
    return at;
}

/* 16 KiB: every load is in the nearest cache. */
uint64_t chase_l1(uint64_t n)
{
    return chase(2048, n);
}

/* 8 MiB: nearly no load is in the second. */
uint64_t chase_memory(uint64_t n)
{
    return chase(1 << 20, n);
}

enum { STREAM = 1 << 20 };

static double *stream(double start)
{
    double *cells = malloc(STREAM * sizeof *cells);
    for (size_t i = 0; i < STREAM; i++)
        cells[i] = start + (double)(i & 1023);
    return cells;
}

static NOINLINE void copy_once(double *restrict to, const double *restrict from, size_t length)
{
    for (size_t i = 0; i < length; i++)
        to[i] = from[i];
}

static NOINLINE void triad_once(double *restrict to, const double *restrict a, const double *restrict b,
                                double factor, size_t length)
{
    for (size_t i = 0; i < length; i++)
        to[i] = a[i] + factor * b[i];
}

/* 8 MiB to 8 MiB and back. */
uint64_t copy(uint64_t n)
{
    double *a = stream(1), *b = stream(2);
    for (uint64_t i = 0; i < n; i++) {
        a[i % STREAM] += 1;
        copy_once(b, a, STREAM);
        copy_once(a, b, STREAM);
    }
    uint64_t sum = (uint64_t)a[0] + (uint64_t)b[STREAM - 1];
    free(a);
    free(b);
    return sum;
}

/* Two streams to a third; every value stays a whole number, so that fused products change nothing. */
uint64_t triad(uint64_t n)
{
    double *a = stream(1), *b = stream(2), *c = stream(3);
    for (uint64_t i = 0; i < n; i++) {
        triad_once(c, a, b, (double)(i & 7), STREAM);
        a[i % STREAM] = (double)i;
    }
    uint64_t sum = 0;
    for (size_t i = 0; i < STREAM; i += 1009)
        sum = mix(sum, (uint64_t)c[i]);
    free(a);
    free(b);
    free(c);
    return sum;
}
