/* One program with all kernels: `suite NAME ROUNDS` prints the name and the checksum. */
#include "suite.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    uint64_t (*run)(uint64_t n);
} kernels[] = {
    {"alu", alu},
    {"mixed", mixed},
    {"quicksort", quicksort},
    {"chase-l1", chase_l1},
    {"chase-memory", chase_memory},
    {"copy", copy},
    {"triad", triad},
    {"matmul-double", matmul_double},
    {"matmul-single", matmul_single},
    {"nbody", nbody},
    {"recursion", recursion},
    {"switch", interpreter},
    {"indirect", indirect},
    {"strings", strings},
    {"syscall", system_calls},
    {"fault", page_faults},
    {"fork-exec", fork_exec},
};

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: suite NAME ROUNDS\n");
        return 2;
    }
    uint64_t n = strtoull(argv[2], NULL, 10);
    if (strcmp(argv[1], "text") == 0) {
        write_text(n);
        return 0;
    }
    /* What fork-exec starts: the shortest process there is. */
    if (strcmp(argv[1], "nothing") == 0)
        return (int)n;
    for (size_t i = 0; i < sizeof kernels / sizeof *kernels; i++) {
        if (strcmp(argv[1], kernels[i].name) == 0) {
            printf("%s %016" PRIx64 "\n", argv[1], kernels[i].run(n));
            return 0;
        }
    }
    fprintf(stderr, "suite: no kernel is called %s\n", argv[1]);
    return 2;
}
