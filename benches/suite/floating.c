/* Floating point. Checksums are rounded, so that fused and separate products give the same. */
#include "suite.h"
#include <math.h>

enum { SIDE = 96 };

static double da[SIDE][SIDE], db[SIDE][SIDE], dc[SIDE][SIDE];
static float sa[SIDE][SIDE], sb[SIDE][SIDE], sc[SIDE][SIDE];

static NOINLINE void multiply_double(int side)
{
    for (int i = 0; i < side; i++)
        for (int j = 0; j < side; j++) {
            double sum = 0;
            for (int k = 0; k < side; k++)
                sum += da[i][k] * db[k][j];
            dc[i][j] = sum;
        }
}

static NOINLINE void multiply_single(int side)
{
    for (int i = 0; i < side; i++)
        for (int j = 0; j < side; j++) {
            float sum = 0;
            for (int k = 0; k < side; k++)
                sum += sa[i][k] * sb[k][j];
            sc[i][j] = sum;
        }
}

/* Products of square matrices of small whole numbers, which are exact. */
uint64_t matmul_double(uint64_t n)
{
    uint64_t sum = 0;
    int side = any_size(SIDE);
    for (uint64_t round = 0; round < n; round++) {
        for (int i = 0; i < SIDE; i++)
            for (int j = 0; j < SIDE; j++) {
                da[i][j] = (double)((i * 3 + j + (int)(round & 15)) & 31);
                db[i][j] = (double)((i + j * 5) & 31);
            }
        multiply_double(side);
        for (int i = 0; i < SIDE; i++)
            sum = mix(sum, (uint64_t)dc[i][(i * 11) % SIDE]);
    }
    return sum;
}

/* The same in single precision. */
uint64_t matmul_single(uint64_t n)
{
    uint64_t sum = 0;
    int side = any_size(SIDE);
    for (uint64_t round = 0; round < n; round++) {
        for (int i = 0; i < SIDE; i++)
            for (int j = 0; j < SIDE; j++) {
                sa[i][j] = (float)((i * 3 + j + (int)(round & 15)) & 31);
                sb[i][j] = (float)((i + j * 5) & 31);
            }
        multiply_single(side);
        for (int i = 0; i < SIDE; i++)
            sum = mix(sum, (uint64_t)sc[i][(i * 11) % SIDE]);
    }
    return sum;
}

enum { BODIES = 5 };

struct body {
    double x, y, z, vx, vy, vz, mass;
};

static struct body bodies[BODIES] = {
    {0.00, 0.00, 0.00, 0.00, 0.00, 0.00, 40.0},
    {5.00, -1.00, 0.10, 0.60, 2.70, -0.02, 0.037},
    {8.50, 4.00, -0.40, -1.00, 1.80, 0.01, 0.011},
    {12.9, -15.0, -0.20, 1.05, 0.87, -0.01, 0.0017},
    {15.4, -26.0, 0.20, 0.95, 0.60, -0.03, 0.0020},
};

static NOINLINE void advance(double step)
{
    for (int i = 0; i < BODIES; i++)
        for (int j = i + 1; j < BODIES; j++) {
            double dx = bodies[i].x - bodies[j].x;
            double dy = bodies[i].y - bodies[j].y;
            double dz = bodies[i].z - bodies[j].z;
            double square = dx * dx + dy * dy + dz * dz;
            double pull = step / (square * sqrt(square));
            bodies[i].vx -= dx * bodies[j].mass * pull;
            bodies[i].vy -= dy * bodies[j].mass * pull;
            bodies[i].vz -= dz * bodies[j].mass * pull;
            bodies[j].vx += dx * bodies[i].mass * pull;
            bodies[j].vy += dy * bodies[i].mass * pull;
            bodies[j].vz += dz * bodies[i].mass * pull;
        }
    for (int i = 0; i < BODIES; i++) {
        bodies[i].x += step * bodies[i].vx;
        bodies[i].y += step * bodies[i].vy;
        bodies[i].z += step * bodies[i].vz;
    }
}

/* Five bodies under gravity; the checksum is the energy to six places. */
uint64_t nbody(uint64_t n)
{
    for (uint64_t i = 0; i < n; i++)
        advance(0.001);
    double energy = 0;
    for (int i = 0; i < BODIES; i++) {
        struct body *a = &bodies[i];
        energy += 0.5 * a->mass * (a->vx * a->vx + a->vy * a->vy + a->vz * a->vz);
        for (int j = i + 1; j < BODIES; j++) {
            double dx = a->x - bodies[j].x, dy = a->y - bodies[j].y, dz = a->z - bodies[j].z;
            energy -= a->mass * bodies[j].mass / sqrt(dx * dx + dy * dy + dz * dz);
        }
    }
    return (uint64_t)llround(energy * 1e6);
}
