// The whole user space of the lab's guest: writes numbered, checkable blocks to its disks for ever, and tells on the
// serial console which of them are safely there.
//
// Kernel command line:
//   longshore.disks=N     disks to write to, from vda (default 2)
//   longshore.rate=N      blocks a second (default 50)
//   longshore.region=N    where the region starts on each disk, in MiB (default 16)
//   longshore.slots=N     blocks in the region (default 4096)
//   longshore.every=N     acknowledge every N-th block (default 1)
//   longshore.memory=N    rewrite N MiB of memory … (default 0)
//   longshore.dirty=N     … at N MiB a second (default 0)
//   longshore.rewrite=N   write 32 MiB of the last disk over and over, as they are, at N MiB a second (default 0)
//   longshore.beat=N      say every N ms that time goes on (default 0: never)
//   longshore.hold=1      do none of this before a break comes on the console
//
// On the console:
//   held                                          it waits for the break
//   start <boot id> disks=N region=N slots=N every=N
//   ack <sequence> <uptime in ms> <boot id>       all blocks up to this one are on all disks (fdatasync returned)
//   rewrote <MiB>                                 so much so far, each second
//   beat <number>
//   error <what> <errno>
// It reads the console as well: at a line `off` the guest shuts itself down.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "block.h"

#define MAXIMUM_DISKS 26
#define NANOSECONDS UINT64_C(1000000000)
#define REWRITTEN UINT64_C(32)  // MiB

static int console = 1, orders = -1;
static char command_line[4096];

static void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void say(const char *format, ...) {
  char line[256];
  va_list arguments;
  va_start(arguments, format);
  int length = vsnprintf(line, sizeof line, format, arguments);
  va_end(arguments);
  for (int done = 0; done < length;) {
    ssize_t written = write(console, line + done, (size_t)(length - done));
    if (written <= 0 && errno != EINTR) return;
    if (written > 0) done += (int)written;
  }
}

// PID 1 must not end: the kernel would panic, and the reason would be lost among its lines.
static void stop(const char *what) {
  say("error %s %d\n", what, errno);
  for (;;) pause();
}

static void read_file(const char *path, char *buffer, size_t size) {
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) stop(path);
  ssize_t length = read(file, buffer, size - 1);
  if (length < 0) stop(path);
  buffer[length] = 0;
  buffer[strcspn(buffer, "\n")] = 0;
  close(file);
}

static uint64_t parameter(const char *name, uint64_t otherwise) {
  size_t length = strlen(name);
  for (const char *at = command_line; (at = strstr(at, name)) != NULL; at += length) {
    if ((at == command_line || at[-1] == ' ') && at[length] == '=') return strtoull(at + length + 1, NULL, 10);
  }
  return otherwise;
}

static uint64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * NANOSECONDS + (uint64_t)time.tv_nsec;
}

static void sleep_until(uint64_t moment) {
  struct timespec time = {.tv_sec = (time_t)(moment / NANOSECONDS), .tv_nsec = (long)(moment % NANOSECONDS)};
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL) == EINTR) {}
}

// Loads the modules that `build` listed, in the order in which they need each other.
static void load_modules(void) {
  char list[4096], path[160];
  read_file("/modules/list", list, sizeof list);
  for (char *name = strtok(list, " "); name != NULL; name = strtok(NULL, " ")) {
    snprintf(path, sizeof path, "/modules/%s", name);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0 || (syscall(SYS_finit_module, file, "", 0) != 0 && errno != EEXIST)) stop(name);
    close(file);
  }
}

static int open_disk(uint64_t number) {
  char path[] = "/dev/vda";
  path[sizeof path - 2] = (char)('a' + number);
  for (int attempt = 0; attempt < 1000; attempt++) {
    int disk = open(path, O_RDWR | O_DIRECT | O_CLOEXEC);
    if (disk >= 0) return disk;
    if (errno != ENOENT && errno != ENXIO) break;
    sleep_until(now() + NANOSECONDS / 100);
  }
  stop(path);
  return -1;
}

// The boot id without its dashes, as bytes.
static void parse_boot(const char *text, char boot[16]) {
  for (int i = 0; i < 16; i++) {
    if (*text == '-') text++;
    char pair[3] = {text[0], text[1], 0};
    boot[i] = (char)strtoul(pair, NULL, 16);
    text += 2;
  }
}

// A process of its own that dirties memory at a steady pace, ten times a second.
static void dirty_memory(uint64_t megabytes, uint64_t rate) {
  if (megabytes == 0 || rate == 0 || fork() != 0) return;
  size_t size = megabytes << 20, step = (rate << 20) / 10, at = 0;
  unsigned char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) stop("memory");
  // All of it is there from the beginning.
  for (size_t i = 0; i < size; i += 4096) memcpy(memory + i, &rate, sizeof rate);
  for (uint64_t next = now(), turn = 1;; turn++) {
    for (size_t done = 0; done < step; done += 4096, at = (at + 4096) % size) {
      memcpy(memory + at, &turn, sizeof turn);
    }
    sleep_until(next += NANOSECONDS / 10);
  }
}

// A process of its own that writes a part of a disk again and again with what it holds already: the disk is busy, and stays
// what it was made as.
static void rewrite_disk(int disk, uint64_t from, uint64_t rate) {
  if (rate == 0 || fork() != 0) return;
  const size_t piece = 1 << 20;
  unsigned char *bytes = mmap(NULL, REWRITTEN * piece, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (bytes == MAP_FAILED) stop("rewrite");
  for (uint64_t i = 0; i < REWRITTEN; i++) {
    if (pread(disk, bytes + i * piece, piece, (off_t)((from + i) * piece)) != (ssize_t)piece) stop("rewrite");
  }
  uint64_t next = now(), second = next;
  for (uint64_t turn = 0;; turn++) {
    const uint64_t i = turn % REWRITTEN;
    if (pwrite(disk, bytes + i * piece, piece, (off_t)((from + i) * piece)) != (ssize_t)piece) stop("rewrite");
    if (now() - second >= NANOSECONDS) {
      second = now();
      say("rewrote %llu\n", (unsigned long long)turn + 1);
    }
    // What a slow disk has missed is not made up for.
    next += NANOSECONDS / rate;
    if (next < now()) next = now();
    sleep_until(next);
  }
}

// A process of its own by whose silence one sees from outside how long the guest stood still. What was missed is not made up
// for.
static void beat(uint64_t milliseconds) {
  if (milliseconds == 0 || fork() != 0) return;
  uint64_t next = now();
  for (uint64_t number = 1;; number++) {
    say("beat %llu\n", (unsigned long long)number);
    next += milliseconds * 1000000;
    if (next < now()) next = now();
    sleep_until(next);
  }
}

// Waits for a break, which is read as a zero byte where the terminal hands bytes on as they come. Linux takes the first of two for
// itself, as the beginning of a SysRq.
static void hold(void) {
  struct termios usual, raw;
  if (tcgetattr(console, &usual) != 0) stop("hold");
  raw = usual;
  cfmakeraw(&raw);
  if (tcsetattr(console, TCSANOW, &raw) != 0) stop("hold");
  // A firmware leaves its last line open.
  say("\r\nheld\r\n");
  char byte = 1;
  while (byte != 0) {
    if (read(console, &byte, 1) < 0 && errno != EINTR) stop("hold");
  }
  if (tcsetattr(console, TCSANOW, &usual) != 0) stop("hold");
}

// Shuts the guest down if somebody has asked for it on the console.
static void obey(void) {
  char line[16];
  ssize_t length = read(orders, line, sizeof line - 1);
  if (length <= 0) return;
  line[length] = 0;
  if (strcmp(line, "off\n") == 0) reboot(RB_POWER_OFF);
}

int main(void) {
  mkdir("/proc", 0755);
  mkdir("/dev", 0755);
  mount("proc", "/proc", "proc", 0, NULL);
  mount("devtmpfs", "/dev", "devtmpfs", 0, NULL);
  console = open("/dev/ttyS0", O_RDWR | O_CLOEXEC | O_NOCTTY);
  if (console < 0) console = 1;
  // A descriptor of its own may be read without waiting, while what is said waits for the line.
  orders = open("/dev/ttyS0", O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
  read_file("/proc/cmdline", command_line, sizeof command_line);
  load_modules();
  if (parameter("longshore.hold", 0) != 0) hold();

  const uint64_t disks = parameter("longshore.disks", 2), rate = parameter("longshore.rate", 50);
  const uint64_t region = parameter("longshore.region", 16), slots = parameter("longshore.slots", 4096);
  const uint64_t every = parameter("longshore.every", 1);
  if (disks == 0 || disks > MAXIMUM_DISKS || rate == 0 || slots == 0 || every == 0) {
    errno = EINVAL;
    stop("command-line");
  }
  int disk[MAXIMUM_DISKS];
  for (uint64_t i = 0; i < disks; i++) disk[i] = open_disk(i);

  char boot[64];
  read_file("/proc/sys/kernel/random/boot_id", boot, sizeof boot);
  dirty_memory(parameter("longshore.memory", 0), parameter("longshore.dirty", 0));
  rewrite_disk(disk[disks - 1], region + (slots * BLOCK_BYTES >> 20) + 1, parameter("longshore.rewrite", 0));
  beat(parameter("longshore.beat", 0));

  struct block *block = mmap(NULL, BLOCK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (block == MAP_FAILED) stop("block");
  memcpy(block->magic, BLOCK_MAGIC, sizeof block->magic);
  parse_boot(boot, block->boot);
  block->slots = slots;
  block_crc_prepare();
  // A firmware leaves its last line open.
  say("\nstart %s disks=%llu region=%llu slots=%llu every=%llu\n", boot, (unsigned long long)disks,
      (unsigned long long)region, (unsigned long long)slots, (unsigned long long)every);

  uint64_t next = now();
  for (uint64_t sequence = 1;; sequence++) {
    const off_t offset = (off_t)((region << 20) + sequence % slots * BLOCK_BYTES);
    block->sequence = sequence;
    block->monotonic_ns = now();
    for (uint64_t i = 0; i < disks; i++) {
      block->disk = i;
      block_fill(block->fill, i, sequence);
      block->crc = block_crc(block);
      if (pwrite(disk[i], block, BLOCK_BYTES, offset) != BLOCK_BYTES) stop("write");
    }
    for (uint64_t i = 0; i < disks; i++) {
      if (fdatasync(disk[i]) != 0) stop("fdatasync");
    }
    if (sequence % every == 0) {
      say("ack %llu %llu %s\n", (unsigned long long)sequence, (unsigned long long)(now() / 1000000), boot);
    }
    obey();
    // After a pause, the pace goes on from here: what was missed is not made up for.
    next += NANOSECONDS / rate;
    if (next < now()) next = now();
    sleep_until(next);
  }
}
