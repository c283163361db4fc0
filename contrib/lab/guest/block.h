// The blocks that the lab's guest writes and the verifier reads.
//
// Block `sequence` (from 1) lies on every disk in slot `sequence % slots` of a region that starts `region` MiB into the
// disk. Everything in it follows from its sequence, its disk and the boot that wrote it, and a CRC covers all of it: a
// block that is lost, stale, torn, misplaced or from another boot is told apart from a good one.

#ifndef LONGSHORE_LAB_BLOCK_H
#define LONGSHORE_LAB_BLOCK_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define BLOCK_BYTES 4096
#define BLOCK_MAGIC "LSHORE01"
#define BLOCK_FILL_WORDS 504

// Little-endian, as the guest and the verifier both are.
struct block {
  char magic[8];
  uint64_t disk;          // 0 is vda
  uint64_t sequence;      // from 1, one more for each block
  uint64_t monotonic_ns;  // the guest's CLOCK_MONOTONIC when the block was made
  char boot[16];          // the kernel's boot id, as bytes
  uint64_t slots;
  uint64_t fill[BLOCK_FILL_WORDS];
  uint64_t crc;  // CRC-64/XZ of all before it
};

_Static_assert(sizeof(struct block) == BLOCK_BYTES, "a block has 4 KiB");

static uint64_t block_crc_table[256];

static void block_crc_prepare(void) {
  for (uint64_t i = 0; i < 256; i++) {
    uint64_t crc = i;
    for (int bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >> 1) ^ 0xC96C5795D7870F42u : crc >> 1;
    block_crc_table[i] = crc;
  }
}

static uint64_t block_crc(const struct block *block) {
  const unsigned char *bytes = (const unsigned char *)block;
  uint64_t crc = ~UINT64_C(0);
  for (size_t i = 0; i < offsetof(struct block, crc); i++) crc = block_crc_table[(crc ^ bytes[i]) & 255] ^ (crc >> 8);
  return ~crc;
}

// Fills the block's body from its sequence and disk (splitmix64): incompressible, and different in every block.
static void block_fill(uint64_t *fill, uint64_t disk, uint64_t sequence) {
  uint64_t state = sequence * 0x9E3779B97F4A7C15u + disk;
  for (int i = 0; i < BLOCK_FILL_WORDS; i++) {
    uint64_t word = state += 0x9E3779B97F4A7C15u;
    word = (word ^ (word >> 30)) * 0xBF58476D1CE4E5B9u;
    word = (word ^ (word >> 27)) * 0x94D049BB133111EBu;
    fill[i] = word ^ (word >> 31);
  }
}

#endif
