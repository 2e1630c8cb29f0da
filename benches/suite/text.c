/* Text: the library's string functions, and something to compress. */
#include "suite.h"
#include <stdio.h>
#include <string.h>

enum { WORDS = 64, LONGEST = 80 };

/* Lengths, copies, comparisons and searches over words of 1 to 79 letters. */
uint64_t strings(uint64_t n)
{
    static char words[WORDS][LONGEST], line[WORDS * LONGEST];
    uint64_t random = 5, sum = 0;
    for (int i = 0; i < WORDS; i++) {
        size_t length = 1 + next_random(&random) % (LONGEST - 1);
        for (size_t at = 0; at < length; at++)
            words[i][at] = (char)('a' + next_random(&random) % 26);
    }
    for (uint64_t round = 0; round < n; round++) {
        char *end = line;
        for (int i = 0; i < WORDS; i++) {
            const char *word = words[(i * 7 + round) % WORDS];
            size_t length = strlen(word);
            memcpy(end, word, length);
            end += length;
            *end++ = ' ';
        }
        *end = 0;
        for (int i = 0; i < WORDS; i++) {
            const char *one = words[i], *other = words[(i + round) % WORDS];
            sum += (uint64_t)(strcmp(one, other) < 0);
            const char *found = strchr(one, (int)('a' + (round + (uint64_t)i) % 26));
            sum += found ? (uint64_t)(found - one) : LONGEST;
        }
        sum = mix(sum, strlen(line));
        const char *found = strstr(line, words[round % WORDS]);
        sum = mix(sum, (uint64_t)(found - line));
        memset(line, (int)(round & 0x7f), sizeof line);
    }
    return sum;
}

void write_text(uint64_t n)
{
    static const char *const words[] = {
        "hart", "node",  "cluster", "packet", "router",  "the",      "of",    "a",
        "page", "table", "walks",   "and",    "virtual", "physical", "cycle", "message",
    };
    static char block[1 << 16];
    uint64_t random = 2024;
    for (uint64_t i = 0; i < n; i++) {
        size_t at = 0;
        while (at + 32 < sizeof block) {
            uint64_t draw = next_random(&random);
            if ((draw & 31) == 0)
                at += (size_t)sprintf(block + at, "%u\n", (unsigned)(draw >> 40));
            else
                at += (size_t)sprintf(block + at, "%s ", words[draw >> 8 & 15]);
        }
        memset(block + at, '.', sizeof block - at);
        fwrite(block, 1, sizeof block, stdout);
    }
}
