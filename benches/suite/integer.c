/* Integer work: a loop of register operations, a mix of four small jobs, a sort. */
#include "suite.h"

/* Shifts, adds, exclusive ors and a product; no memory. */
uint64_t alu(uint64_t n)
{
    uint64_t a = 0x9e3779b97f4a7c15u, b = 1, c = 0;
    for (uint64_t i = 0; i < n; i++) {
        a ^= a << 13;
        a ^= a >> 7;
        a ^= a << 17;
        b = b * 6364136223846793005u + a;
        c += (b >> 33) ^ (a & 0xffff);
        c = (c << 5) | (c >> 59);
    }
    return mix(mix(a, b), c);
}

enum { NODES = 256, SIDE = 16, TEXT = 512 };

struct node {
    struct node *next;
    int32_t key, value;
};

static struct node nodes[NODES];
static int16_t left[SIDE][SIDE], right[SIDE][SIDE];
static int32_t product[SIDE][SIDE];
static char text[TEXT];

static NOINLINE struct node *reverse(struct node *list)
{
    struct node *back = NULL;
    while (list) {
        struct node *next = list->next;
        list->next = back;
        back = list;
        list = next;
    }
    return back;
}

static NOINLINE int32_t find(const struct node *list, int32_t key)
{
    for (; list; list = list->next)
        if (list->key == key)
            return list->value;
    return -1;
}

static NOINLINE int32_t multiply(int side)
{
    int32_t trace = 0;
    for (int i = 0; i < side; i++)
        for (int j = 0; j < side; j++) {
            int32_t sum = 0;
            for (int k = 0; k < side; k++)
                sum += left[i][k] * right[k][j];
            product[i][j] = sum;
        }
    for (int i = 0; i < side; i++)
        trace += product[i][(i * 7) % side];
    return trace;
}

/* Tells integers, decimals, numbers with an exponent and words apart; counts each. */
static NOINLINE uint32_t classify(const char *at, const char *end)
{
    enum { START, INTEGER, FRACTION, EXPONENT, WORD } state = START;
    uint32_t counts[5] = {0};
    for (; at < end; at++) {
        char c = *at;
        if (c == ' ') {
            counts[state]++;
            state = START;
            continue;
        }
        int digit = c >= '0' && c <= '9';
        switch (state) {
        case START:
            state = digit || c == '-' ? INTEGER : WORD;
            break;
        case INTEGER:
            state = digit ? INTEGER : c == '.' ? FRACTION : c == 'e' ? EXPONENT : WORD;
            break;
        case FRACTION:
            state = digit ? FRACTION : c == 'e' ? EXPONENT : WORD;
            break;
        case EXPONENT:
            state = digit || c == '-' ? EXPONENT : WORD;
            break;
        case WORD:
            break;
        }
    }
    return counts[INTEGER] + 3 * counts[FRACTION] + 7 * counts[EXPONENT] + 11 * counts[WORD];
}

static NOINLINE uint16_t crc(uint32_t value, uint16_t sum)
{
    for (int bit = 0; bit < 32; bit++) {
        int carry = (value ^ sum) & 1;
        sum >>= 1;
        value >>= 1;
        if (carry)
            sum ^= 0xa001;
    }
    return sum;
}

/* Lists, a small matrix, a state machine and a checksum by bits, in turn. */
uint64_t mixed(uint64_t n)
{
    uint64_t random = 42;
    for (int i = 0; i < NODES; i++) {
        nodes[i].key = i;
        nodes[i].value = (int32_t)(next_random(&random) & 0xffff);
        nodes[i].next = i + 1 < NODES ? &nodes[i + 1] : NULL;
    }
    for (int i = 0; i < SIDE; i++)
        for (int j = 0; j < SIDE; j++) {
            left[i][j] = (int16_t)(next_random(&random) & 0xff);
            right[i][j] = (int16_t)(next_random(&random) & 0xff);
        }
    for (int i = 0; i < TEXT; i++)
        text[i] = "0123456789  .e-a"[next_random(&random) & 15];
    struct node *list = nodes;
    int side = any_size(SIDE);
    uint16_t sum = 0;
    for (uint64_t i = 0; i < n; i++) {
        list = reverse(list);
        sum = crc((uint32_t)find(list, (int32_t)(i * 37 % NODES)), sum);
        left[i % SIDE][i / SIDE % SIDE] ^= (int16_t)(sum & 0xff);
        sum = crc((uint32_t)multiply(side), sum);
        text[i % TEXT] = "0123456789  .e-a"[sum & 15];
        sum = crc(classify(text, text + TEXT), sum);
    }
    return sum;
}

enum { SORTED = 1 << 15 };

static int32_t items[SORTED];

static NOINLINE void sort(int32_t *low, int32_t *high)
{
    while (low < high) {
        int32_t pivot = low[(high - low) / 2];
        int32_t *i = low, *j = high;
        while (i <= j) {
            while (*i < pivot)
                i++;
            while (*j > pivot)
                j--;
            if (i <= j) {
                int32_t held = *i;
                *i++ = *j;
                *j-- = held;
            }
        }
        sort(low, j);
        low = i;
    }
}

/* Sorts random numbers. */
uint64_t quicksort(uint64_t n)
{
    uint64_t random = 7, sum = 0;
    for (uint64_t round = 0; round < n; round++) {
        for (int i = 0; i < SORTED; i++)
            items[i] = (int32_t)next_random(&random);
        sort(items, items + SORTED - 1);
        for (int i = 0; i < SORTED; i += 997)
            sum = mix(sum, (uint32_t)items[i]);
    }
    return sum;
}
