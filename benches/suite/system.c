/* What the kernel is asked for: calls, pages, processes. */
#define _GNU_SOURCE
#include "suite.h"
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

/* The shortest call, `n` times. */
uint64_t system_calls(uint64_t n)
{
    uint64_t same = 0;
    long parent = syscall(SYS_getppid);
    for (uint64_t i = 0; i < n; i++)
        same += syscall(SYS_getppid) == parent;
    return same;
}

/* 4 MiB mapped, each page written for the first time, unmapped. */
uint64_t page_faults(uint64_t n)
{
    enum { LENGTH = 4 << 20, PAGE = 4096 };
    uint64_t sum = 0;
    for (uint64_t i = 0; i < n; i++) {
        char *at = mmap(NULL, LENGTH, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (at == MAP_FAILED)
            fail("mmap");
        /* The count is of small pages. */
        madvise(at, LENGTH, MADV_NOHUGEPAGE);
        for (size_t page = 0; page < LENGTH; page += PAGE) {
            sum += (uint64_t)at[page];
            at[page] = 1;
            sum += (uint64_t)at[page];
        }
        munmap(at, LENGTH);
    }
    return sum;
}

/* A process of this program that ends at once, waited for. */
uint64_t fork_exec(uint64_t n)
{
    uint64_t sum = 0;
    for (uint64_t i = 0; i < n; i++) {
        char code[4];
        snprintf(code, sizeof code, "%u", (unsigned)(i % 100));
        pid_t child = fork();
        if (child < 0)
            fail("fork");
        if (child == 0) {
            execl("/proc/self/exe", "suite", "nothing", code, (char *)NULL);
            _exit(127);
        }
        int status;
        if (waitpid(child, &status, 0) != child || !WIFEXITED(status))
            fail("waitpid");
        sum += (uint64_t)WEXITSTATUS(status);
    }
    return sum;
}
