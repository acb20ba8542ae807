/* SPDX-License-Identifier: Apache-2.0
 *
 * The limit: the least work that flow accounting is, in one thread of C.
 *
 *     gcc -O3 -march=native -o limit limit.c
 *     limit walk|parse|flow capture.pcap [read]
 *
 * Walks the records of a classic pcap (little-endian, microseconds, Ethernet), decodes Ethernet, up to two VLAN
 * tags, IPv4 or IPv6 with its extension headers, TCP or UDP, and keeps a table of two-way flows: key = both ends
 * in canonical order, VLAN and protocol; per direction packets, IP bytes (as the header declares them), first
 * and last time, TCP flags. Sixteen packets are decoded before the table sees the first of them, so that their
 * slots are on the way from memory by then. walk stops at the record headers, parse before the table. The file is
 * mapped; with read it is read into a buffer that stays in the cache. Which is quicker depends on the capture: a walk
 * through a mapping waits for memory at each record header, a copy touches bytes that nobody asked for.
 *
 * A flow analyser does more than this, always: that is what its figure is compared for. Answers with one line
 * of JSON. No time-outs, no fragments, no limit to the table, no protection beyond the bounds of the file.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { AHEAD = 16, FIRST_SLOTS = 1 << 16, BUFFER = 1 << 19 };

struct key {
    uint64_t low[2], high[2];   /* the ends' addresses, the lower one first; IPv4 in the second word */
    uint64_t rest;              /* low port << 48 | high port << 32 | VLAN << 16 | protocol << 8 | IP version */
};
struct flow {                   /* two cache lines */
    struct key key;
    uint64_t packets[2], bytes[2], first[2], last[2];
    uint32_t hash;
    uint8_t flags[2], used, opener;
} __attribute__((aligned(128)));
struct packet {
    struct key key;
    uint64_t time;
    uint32_t hash, bytes;
    uint8_t side, flags;
};

static struct flow *table;
static uint64_t mask, flows, packets, counted, ip_bytes, frame_bytes, folded;

static inline uint16_t be16(const uint8_t *p) { uint16_t v; memcpy(&v, p, 2); return __builtin_bswap16(v); }
static inline uint32_t be32(const uint8_t *p) { uint32_t v; memcpy(&v, p, 4); return __builtin_bswap32(v); }
static inline uint64_t be64(const uint8_t *p) { uint64_t v; memcpy(&v, p, 8); return __builtin_bswap64(v); }
static inline uint32_t le32(const uint8_t *p) { uint32_t v; memcpy(&v, p, 4); return v; }

static inline uint64_t blend(uint64_t state, uint64_t word)
{
    state = (state ^ word) * 0x9E3779B97F4A7C15u;
    return state ^ state >> 32;
}

/* A packet's key and size; 0 when it is none of a flow. */
static inline int decode(const uint8_t *p, const uint8_t *end, struct packet *out)
{
    uint64_t src[2] = {0, 0}, dst[2] = {0, 0};
    uint64_t sport = 0, dport = 0, vlan = 0;
    unsigned type, proto, version, later = 0;

    if (end - p < 14)
        return 0;
    type = be16(p + 12);
    p += 14;
    for (int tags = 0; tags < 2 && (type == 0x8100 || type == 0x88A8); tags++) {
        if (end - p < 4)
            return 0;
        vlan = be16(p) & 0xFFF;
        type = be16(p + 2);
        p += 4;
    }
    if (type == 0x0800) {
        if (end - p < 20 || p[0] >> 4 != 4)
            return 0;
        unsigned size = (p[0] & 15) * 4;
        if (size < 20 || end - p < (long)size)
            return 0;
        version = 4;
        proto = p[9];
        out->bytes = be16(p + 2);
        later = be16(p + 6) & 0x1FFF;
        src[1] = be32(p + 12);
        dst[1] = be32(p + 16);
        p += size;
    } else if (type == 0x86DD) {
        if (end - p < 40 || p[0] >> 4 != 6)
            return 0;
        version = 6;
        proto = p[6];
        out->bytes = be16(p + 4) + 40u;
        src[0] = be64(p + 8), src[1] = be64(p + 16);
        dst[0] = be64(p + 24), dst[1] = be64(p + 32);
        p += 40;
        for (int n = 0; n < 8 && (proto == 0 || proto == 43 || proto == 44 || proto == 60); n++) {
            if (end - p < 8)
                return 0;
            if (proto == 44)
                later |= be16(p + 2) & 0xFFF8;
            unsigned length = proto == 44 ? 8 : p[1] * 8u + 8;
            proto = p[0];
            if (end - p < (long)length)
                return 0;
            p += length;
        }
    } else
        return 0;
    out->flags = 0;
    if (!later && (proto == 6 || proto == 17) && end - p >= 4) {
        sport = be16(p);
        dport = be16(p + 2);
        if (proto == 6 && end - p >= 14)
            out->flags = p[13];
    }
    unsigned side = src[0] != dst[0] ? src[0] > dst[0] : src[1] != dst[1] ? src[1] > dst[1] : sport > dport;
    struct key *k = &out->key;
    k->low[0] = side ? dst[0] : src[0], k->low[1] = side ? dst[1] : src[1];
    k->high[0] = side ? src[0] : dst[0], k->high[1] = side ? src[1] : dst[1];
    k->rest = (side ? dport : sport) << 48 | (side ? sport : dport) << 32 | vlan << 16 | proto << 8 | version;
    out->side = (uint8_t)side;
    uint64_t h = blend(blend(k->low[1], k->high[1]), k->rest);
    if (version == 6)
        h = blend(blend(h, k->low[0]), k->high[0]);
    out->hash = (uint32_t)(h >> 16);
    return 1;
}

static inline int same(const struct key *a, const struct key *b)
{
    return a->low[1] == b->low[1] && a->high[1] == b->high[1] && a->rest == b->rest
        && a->low[0] == b->low[0] && a->high[0] == b->high[0];
}

/* A table of twice the slots, with everything that was in the old one. */
static void grow(void)
{
    struct flow *old = table;
    uint64_t had = old ? mask + 1 : 0, slots = old ? had * 2 : FIRST_SLOTS;

    table = mmap(NULL, slots * sizeof *table, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (table == MAP_FAILED) {
        perror("mmap");
        exit(1);
    }
    madvise(table, slots * sizeof *table, MADV_HUGEPAGE);
    mask = slots - 1;
    for (uint64_t i = 0; i < had; i++) {
        if (!old[i].used)
            continue;
        uint64_t at = old[i].hash & mask;
        while (table[at].used)
            at = (at + 1) & mask;
        table[at] = old[i];
    }
    if (old)
        munmap(old, had * sizeof *old);
}

static inline void account(const struct packet *p)
{
    uint64_t at = p->hash & mask;
    struct flow *f;
    unsigned side = p->side;

    for (;; at = (at + 1) & mask) {
        f = &table[at];
        if (!f->used)
            break;
        if (f->hash == p->hash && same(&f->key, &p->key)) {
            if (!f->packets[side]++)
                f->first[side] = p->time;
            f->bytes[side] += p->bytes;
            f->last[side] = p->time;
            f->flags[side] |= p->flags;
            return;
        }
    }
    f->key = p->key;
    f->hash = p->hash;
    f->used = 1;
    f->opener = (uint8_t)side;
    f->packets[side] = 1;
    f->bytes[side] = p->bytes;
    f->first[side] = f->last[side] = p->time;
    f->flags[side] = p->flags;
    if (++flows * 2 > mask)
        grow();
}

/* Whole records between p and end; where the first one begins that is not whole. */
static inline const uint8_t *walk(const uint8_t *p, const uint8_t *end, int depth)
{
    struct packet held[AHEAD];
    int n = 0;

    while (end - p >= 16) {
        uint32_t cap = le32(p + 8);
        if ((uint64_t)(end - p) - 16 < cap)
            break;
        const uint8_t *frame = p + 16;
        struct packet *q = &held[n];
        packets++;
        frame_bytes += le32(p + 12);
        if (depth > 0 && decode(frame, frame + cap, q)) {
            counted++;
            ip_bytes += q->bytes;
            if (depth > 1) {
                const char *slot = (const char *)&table[q->hash & mask];
                __builtin_prefetch(slot, 1);
                __builtin_prefetch(slot + 64, 1);
                q->time = (uint64_t)le32(p) * 1000000 + le32(p + 4);
                if (++n == AHEAD) {
                    for (int i = 0; i < AHEAD; i++)
                        account(&held[i]);
                    n = 0;
                }
            } else
                folded ^= q->hash;
        }
        p = frame + cap;
    }
    for (int i = 0; i < n; i++)
        account(&held[i]);
    return p;
}

static const uint8_t *walk_to(const uint8_t *p, const uint8_t *end, int depth)
{
    switch (depth) {            /* each depth gets a loop of its own */
    case 0: return walk(p, end, 0);
    case 1: return walk(p, end, 1);
    default: return walk(p, end, 2);
    }
}

static int check(const uint8_t *head, const char *name)
{
    if (le32(head) == 0xA1B2C3D4 && le32(head + 20) == 1)
        return 1;
    fprintf(stderr, "%s: no little-endian microsecond Ethernet pcap\n", name);
    return 0;
}

static int through_mapping(int fd, size_t size, int depth, const char *name)
{
    const uint8_t *data = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (data == MAP_FAILED || !check(data, name))
        return 1;
    madvise((void *)data, size, MADV_SEQUENTIAL);
    walk_to(data + 24, data + size, depth);
    return 0;
}

static int through_buffer(int fd, int depth, const char *name)
{
    static uint8_t buffer[BUFFER + (1 << 18)];   /* what is left of a block, and the next block */
    uint8_t head[24];
    size_t held = 0;
    ssize_t got;

    if (read(fd, head, sizeof head) != sizeof head || !check(head, name))
        return 1;
    while ((got = read(fd, buffer + held, BUFFER)) > 0) {
        held += (size_t)got;
        size_t done = (size_t)(walk_to(buffer, buffer + held, depth) - buffer);
        held -= done;
        if (held > sizeof buffer - BUFFER)
            return 1;           /* a record larger than any frame */
        memmove(buffer, buffer + done, held);
    }
    return got < 0;
}

int main(int argc, char **argv)
{
    static const char *const depths[] = {"walk", "parse", "flow"};
    int depth = -1;
    struct stat status;

    if (argc == 3 || (argc == 4 && !strcmp(argv[3], "read")))
        for (int i = 0; i < 3; i++)
            if (!strcmp(argv[1], depths[i]))
                depth = i;
    if (depth < 0) {
        fprintf(stderr, "usage: limit walk|parse|flow CAPTURE [read]\n");
        return 2;
    }
    int fd = open(argv[2], O_RDONLY);
    if (fd < 0 || fstat(fd, &status) || status.st_size < 24) {
        perror(argv[2]);
        return 1;
    }
    grow();
    if (argc == 4 ? through_buffer(fd, depth, argv[2]) : through_mapping(fd, (size_t)status.st_size, depth, argv[2]))
        return 1;
    printf("{\"packets\": %lu, \"counted\": %lu, \"ip_bytes\": %lu, \"frame_bytes\": %lu, \"flows\": %lu, \"fold\": %lu}\n",
           packets, counted, ip_bytes, frame_bytes, flows, folded);
    return 0;
}
