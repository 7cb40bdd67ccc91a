// What the programs for files share.
#pragma once

#include "guest.h"

// merge.c

int open_folder(int folder, const char *name);
int merge_folder(int folder, const char *name);

// sha256.c

struct sha256 {
  void (*compress)(uint32_t state[8], const uint8_t *block);
  uint32_t state[8];
  uint64_t length;
  uint8_t block[64];
};

void sha256_init(struct sha256 *hash);
void sha256_add(struct sha256 *hash, const uint8_t *bytes, size_t length);
void sha256_finish(struct sha256 *hash, char hex[65]);
