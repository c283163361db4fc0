// Checks what the lab's guest wrote against what it acknowledged.
//
// Usage: verify CONSOLE IMAGE… [-- CONTENT…]
// CONSOLE is the guest's console output, whole and in order (source, then destination). Each IMAGE is a disk, raw, from
// vda on. Each CONTENT is what that disk was made with: outside the region of the blocks, nothing may differ from it.
// Prints one JSON object; exits with 0 when every acknowledged block is on every disk, nothing else has changed and the
// guest ran on without a gap, with 1 when not, with 2 when it cannot tell.

#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>
#include <unistd.h>

#include "block.h"

#define BOOT_TEXT 36
#define CHUNK ((size_t)1 << 20)

// What the console says.
struct console {
  uint64_t first, last;  // acknowledged sequences
  uint64_t disks, region, slots, every;
  uint64_t longest_silence_ms;  // between two acknowledgements, by the guest's clock, which pauses with it
  char boot[BOOT_TEXT + 1];
  bool started, gap, rebooted, error;
};

// Where and why the first block is wrong.
struct fault {
  bool found;
  uint64_t disk, slot, sequence;
  const char *reason;
};

static void fail(const char *what) {
  fprintf(stderr, "verify: %s: %s\n", what, errno ? strerror(errno) : "not usable");
  exit(2);
}

static struct console read_console(const char *path) {
  struct console console = {.every = 1};
  char line[512], boot[BOOT_TEXT + 1];
  uint64_t sequence, uptime, last_uptime = 0;
  FILE *file = fopen(path, "r");
  if (file == NULL) fail(path);
  while (fgets(line, sizeof line, file) != NULL) {
    uint64_t disks, region, slots, every;
    if (sscanf(line, "start %36s disks=%" SCNu64 " region=%" SCNu64 " slots=%" SCNu64 " every=%" SCNu64, boot, &disks,
               &region, &slots, &every) == 5) {
      if (console.started) console.rebooted = true;
      console.started = true;
      console.disks = disks;
      console.region = region;
      console.slots = slots;
      console.every = every;
    } else if (sscanf(line, "ack %" SCNu64 " %" SCNu64 " %36s", &sequence, &uptime, boot) == 3) {
      if (strlen(boot) != BOOT_TEXT) continue;  // the line that was being written when the guest was stopped
      if (console.last == 0) {
        console.first = sequence;
        memcpy(console.boot, boot, sizeof boot);
        if (sequence != console.every) console.gap = true;
      } else {
        if (strcmp(boot, console.boot) != 0 || uptime < last_uptime) console.rebooted = true;
        if (sequence != console.last + console.every) console.gap = true;
        if (uptime > last_uptime && uptime - last_uptime > console.longest_silence_ms) {
          console.longest_silence_ms = uptime - last_uptime;
        }
      }
      if (sequence > console.last) console.last = sequence;
      last_uptime = uptime;
    } else if (strncmp(line, "error ", 6) == 0 || strstr(line, "Kernel panic") != NULL) {
      console.error = true;
    }
  }
  fclose(file);
  errno = 0;
  if (!console.started || console.slots == 0) fail("the console has no start line");
  if (console.last == 0) fail("the console has no acknowledged block");
  return console;
}

static bool same_boot(const struct block *block, const char *text) {
  char bytes[2 * sizeof block->boot + 1] = "", plain[BOOT_TEXT + 1];
  size_t length = 0;
  for (size_t i = 0; i < sizeof block->boot; i++) sprintf(bytes + 2 * i, "%02x", (unsigned char)block->boot[i]);
  for (; *text != 0; text++) {
    if (*text != '-') plain[length++] = *text;
  }
  plain[length] = 0;
  return strcmp(bytes, plain) == 0;
}

// Why a block is not the one of `disk` in `slot`, or NULL.
static const char *reason_against(const struct block *block, const struct console *console, uint64_t disk,
                                  uint64_t slot) {
  uint64_t fill[BLOCK_FILL_WORDS];
  if (memcmp(block->magic, BLOCK_MAGIC, sizeof block->magic) != 0) return "no block";
  if (block->crc != block_crc(block)) return "checksum";
  if (block->disk != disk) return "block of another disk";
  if (block->slots != console->slots || block->sequence % console->slots != slot) return "block of another slot";
  if (!same_boot(block, console->boot)) return "block of another boot";
  block_fill(fill, disk, block->sequence);
  return memcmp(block->fill, fill, sizeof fill) == 0 ? NULL : "content";
}

// The newest sequence up to `last` that belongs in a slot; 0 when there is none.
static uint64_t newest_in_slot(uint64_t last, uint64_t slot, uint64_t slots) {
  uint64_t back = (last % slots + slots - slot) % slots;
  return back >= last ? 0 : last - back;
}

// Checks one disk: marks the slots whose acknowledged block is missing, and returns the newest sequence on it.
static uint64_t check_disk(const char *path, const struct console *console, uint64_t disk, bool *bad,
                           struct fault *fault) {
  struct block block;
  uint64_t newest = 0, *found = calloc(console->slots, sizeof *found);
  FILE *file = fopen(path, "rb");
  if (file == NULL || found == NULL || fseeko(file, (off_t)(console->region << 20), SEEK_SET) != 0) fail(path);
  for (uint64_t slot = 0; slot < console->slots; slot++) {
    const uint64_t wanted = newest_in_slot(console->last, slot, console->slots);
    const char *reason;
    memset(&block, 0, sizeof block);
    if (fread(&block, sizeof block, 1, file) != 1) {
      reason = "the disk ends before the block";
    } else {
      reason = reason_against(&block, console, disk, slot);
      if (reason == NULL) {
        found[slot] = block.sequence;
        if (block.sequence > newest) newest = block.sequence;
        if (block.sequence < wanted) reason = "an older block";
      }
    }
    // What was never acknowledged may be anything.
    if (reason == NULL || wanted == 0) continue;
    bad[slot] = true;
    if (!fault->found) *fault = (struct fault){true, disk, slot, wanted, reason};
  }
  // Blocks after the last acknowledged one were written in order: all up to the newest must be there, within one round.
  for (uint64_t sequence = console->last + 1; sequence < newest; sequence++) {
    const uint64_t slot = sequence % console->slots;
    if (found[slot] == sequence) continue;
    bad[slot] = true;
    if (!fault->found) *fault = (struct fault){true, disk, slot, sequence, "a hole among the newest blocks"};
    break;
  }
  free(found);
  fclose(file);
  return newest;
}

// The next place from an offset on where a file has data; its end where there is none.
static uint64_t next_data(FILE *file, uint64_t offset) {
  const off_t data = lseek(fileno(file), (off_t)offset, SEEK_DATA);
  if (data >= 0) return (uint64_t)data;
  const off_t end = lseek(fileno(file), 0, SEEK_END);
  return end < (off_t)offset ? offset : (uint64_t)end;
}

// Where a disk differs from its first content, other than where the guest writes; UINT64_MAX when nowhere.
static uint64_t first_change(const char *path, const char *content, const struct console *console) {
  static unsigned char one[CHUNK], other[CHUNK];
  const uint64_t from = console->region << 20, to = from + console->slots * BLOCK_BYTES;
  FILE *file = fopen(path, "rb"), *original = fopen(content, "rb");
  if (file == NULL) fail(path);
  if (original == NULL) fail(content);
  uint64_t changed = UINT64_MAX;
  for (uint64_t offset = 0; changed == UINT64_MAX; offset += CHUNK) {
    // What both have not written to is the same.
    const uint64_t here = next_data(file, offset), there = next_data(original, offset), next = here < there ? here : there;
    offset = next / CHUNK * CHUNK < offset ? offset : next / CHUNK * CHUNK;
    if (fseeko(file, (off_t)offset, SEEK_SET) != 0 || fseeko(original, (off_t)offset, SEEK_SET) != 0) fail(path);
    const size_t length = fread(one, 1, CHUNK, file), wanted = fread(other, 1, CHUNK, original);
    if (length == wanted && memcmp(one, other, length) == 0) {
      if (length < CHUNK) break;
      continue;
    }
    for (size_t i = 0; changed == UINT64_MAX && i < (length > wanted ? length : wanted); i++) {
      if (offset + i >= from && offset + i < to) continue;
      if (i >= length || i >= wanted || one[i] != other[i]) changed = offset + i;
    }
    if (length < CHUNK && wanted < CHUNK) break;
  }
  fclose(file);
  fclose(original);
  return changed;
}

int main(int count, char **arguments) {
  int images = 0;
  while (2 + images < count && strcmp(arguments[2 + images], "--") != 0) images++;
  const int contents = count - images - 3;  // behind the "--", or -1 without one
  if (images == 0 || (contents >= 0 && contents != images)) {
    fprintf(stderr, "Usage: verify CONSOLE IMAGE… [-- CONTENT…], with as many contents as images\n");
    return 2;
  }
  block_crc_prepare();
  const struct console console = read_console(arguments[1]);
  const uint64_t disks = (uint64_t)images;
  if (disks != console.disks) {
    fprintf(stderr, "verify: %" PRIu64 " images, but the guest writes to %" PRIu64 " disks\n", disks, console.disks);
    return 2;
  }
  bool *bad = calloc(console.slots, sizeof *bad);
  if (bad == NULL) fail("memory");
  struct fault fault = {0};
  uint64_t written = 0;
  for (uint64_t disk = 0; disk < disks; disk++) {
    uint64_t newest = check_disk(arguments[2 + disk], &console, disk, bad, &fault);
    if (newest > written) written = newest;
  }

  uint64_t acknowledged = console.last, verified = 0;
  for (uint64_t sequence = 1; sequence <= acknowledged; sequence++) {
    if (!bad[sequence % console.slots]) verified++;
  }
  free(bad);
  uint64_t changed = UINT64_MAX;
  int changed_disk = 0;
  for (int disk = 0; disk < contents && changed == UINT64_MAX; disk++) {
    changed_disk = disk;
    changed = first_change(arguments[2 + disk], arguments[3 + images + disk], &console);
  }
  const bool good = !fault.found && changed == UINT64_MAX && !console.gap && !console.rebooted && !console.error;
  printf("{\"good\":%s,\"blocksAcknowledged\":%" PRIu64 ",\"blocksVerified\":%" PRIu64 ",\"blocksWritten\":%" PRIu64
         ",\"disks\":%" PRIu64 ",\"sequenceGap\":%s,\"rebooted\":%s,\"guestError\":%s,\"longestSilenceMilliseconds\":%" PRIu64,
         good ? "true" : "false", acknowledged, verified, written, disks, console.gap ? "true" : "false",
         console.rebooted ? "true" : "false", console.error ? "true" : "false", console.longest_silence_ms);
  if (fault.found) {
    printf(",\"firstBad\":{\"disk\":%" PRIu64 ",\"slot\":%" PRIu64 ",\"sequence\":%" PRIu64 ",\"reason\":\"%s\"}",
           fault.disk, fault.slot, fault.sequence, fault.reason);
  }
  printf(",\"contentIntact\":%s", contents < 0 ? "null" : changed == UINT64_MAX ? "true" : "false");
  if (changed != UINT64_MAX) printf(",\"firstChange\":{\"disk\":%d,\"offset\":%" PRIu64 "}", changed_disk, changed);
  printf("}\n");
  return good ? 0 : 1;
}
