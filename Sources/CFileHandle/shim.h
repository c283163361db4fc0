#pragma once

// The largest handle (MAX_HANDLE_SZ of <fcntl.h>), in bytes.
enum { LONGSHORE_MAX_HANDLE_SIZE = 128 };

// struct file_handle of <fcntl.h>, with room for the largest handle. The C library shows it to GNU sources only, and Swift's module
// of it is not one; hence names of its own.
struct longshore_file_handle {
  unsigned int handle_bytes;
  int handle_type;
  unsigned char f_handle[LONGSHORE_MAX_HANDLE_SIZE];
};

// name_to_handle_at(2).
extern int longshore_name_to_handle_at(
    int directory, const char *path, struct longshore_file_handle *handle, int *mount, int flags) __asm__("name_to_handle_at");

// fallocate(2), likewise for GNU sources only.
extern int longshore_fallocate(int file, int mode, long long offset, long long length) __asm__("fallocate");
