// Frames: type (1 byte), stream (4), length of the payload (4), payload; numbers are big-endian.
#include "guest.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

enum {
  INBOX_BYTES = FRAME_HEADER_BYTES + FRAME_MAX_BYTES,
  OUTBOX_BYTES = 256 << 10,
  READ_BYTES = 128 << 10,
};

struct box {
  uint8_t *bytes;
  size_t start, end;
};

static struct box inbox, outbox;

// The inbox is ordinary memory, since a program's arguments are in it when the supervisor is forked.
void wire_init(void) {
  int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
  inbox.bytes = mmap(NULL, INBOX_BYTES, PROT_READ | PROT_WRITE, flags, -1, 0);
  outbox.bytes = private_pages(OUTBOX_BYTES);
}

void wire_forget_inbox(void) { munmap(inbox.bytes, INBOX_BYTES); }

void wire_reset(void) { inbox.start = inbox.end = outbox.start = outbox.end = 0; }

static void compact(struct box *box) {
  memmove(box->bytes, box->bytes + box->start, box->end - box->start);
  box->end -= box->start;
  box->start = 0;
}

// After a long frame its pages are given back.
static void make_inbox_room(void) {
  bool was_long = inbox.end > 4 * READ_BYTES;
  compact(&inbox);
  if (was_long && inbox.end < READ_BYTES) {
    madvise(inbox.bytes + 2 * READ_BYTES, INBOX_BYTES - 2 * READ_BYTES, MADV_DONTNEED);
  }
}

bool wire_read(int connection) {
  make_inbox_room();
  size_t room = INBOX_BYTES - inbox.end;
  ssize_t count = recv(connection, inbox.bytes + inbox.end, room < READ_BYTES ? room : READ_BYTES, MSG_DONTWAIT);
  if (count < 0) return errno == EAGAIN || errno == EINTR;
  inbox.end += count;
  return count > 0;
}

// For tests: bytes as if they had been read.
void wire_feed(const uint8_t *bytes, size_t length) {
  make_inbox_room();
  if (length > INBOX_BYTES - inbox.end) length = INBOX_BYTES - inbox.end;
  memcpy(inbox.bytes + inbox.end, bytes, length);
  inbox.end += length;
}

static size_t frame_limit(uint8_t type) { return type == RUN ? FRAME_MAX_BYTES : INPUT_MAX_BYTES; }

// The payload stays where it is until the next wire_read.
enum inbox_state wire_next(struct frame *frame) {
  struct reader header = {.at = inbox.bytes + inbox.start, .left = inbox.end - inbox.start};
  uint8_t type = take_number(&header, 1);
  uint32_t stream = take_number(&header, 4);
  uint32_t length = take_number(&header, 4);
  if (header.failed) return INBOX_EMPTY;
  if (length > frame_limit(type)) return INBOX_BROKEN;
  if (length > header.left) return INBOX_EMPTY;
  *frame = (struct frame){.type = type, .stream = stream, .length = length, .payload = header.at};
  inbox.start += FRAME_HEADER_BYTES + length;
  return INBOX_FRAME;
}

const uint8_t *take_bytes(struct reader *reader, size_t count) {
  if (reader->failed || reader->left < count) {
    reader->failed = true;
    return NULL;
  }
  const uint8_t *bytes = reader->at;
  reader->at += count;
  reader->left -= count;
  return bytes;
}

uint64_t take_number(struct reader *reader, size_t bytes) {
  const uint8_t *digits = take_bytes(reader, bytes);
  uint64_t value = 0;
  for (size_t i = 0; digits && i < bytes; i++) value = value << 8 | digits[i];
  return value;
}

const char *take_string(struct reader *reader) {
  const uint8_t *end = reader->failed ? NULL : memchr(reader->at, 0, reader->left);
  return (const char *)take_bytes(reader, end ? (size_t)(end - reader->at) + 1 : SIZE_MAX);
}

uint8_t *put_number(uint8_t *at, uint64_t value, size_t bytes) {
  for (size_t i = bytes; i-- > 0; value >>= 8) at[i] = value;
  return at + bytes;
}

size_t wire_room(void) { return OUTBOX_BYTES - (outbox.end - outbox.start); }

bool wire_wants_write(void) { return outbox.end > outbox.start; }

void wire_write(int connection) {
  while (wire_wants_write()) {
    size_t length = outbox.end - outbox.start;
    ssize_t count = send(connection, outbox.bytes + outbox.start, length, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
    // What the agent sent before it went is still to be read: it counts as arrived.
    outbox.start = count < 0 ? outbox.end : outbox.start + count;
  }
  outbox.start = outbox.end = 0;
}

// Callers look at wire_room first.
static uint8_t *take_room(size_t length) {
  if (length > wire_room()) abort();
  if (length > OUTBOX_BYTES - outbox.end) compact(&outbox);
  uint8_t *room = outbox.bytes + outbox.end;
  outbox.end += length;
  return room;
}

// Gives where its payload is to be put.
uint8_t *begin_frame(uint8_t type, uint32_t stream, size_t length) {
  uint8_t *at = take_room(FRAME_HEADER_BYTES + length);
  at = put_number(at, type, 1);
  at = put_number(at, stream, 4);
  return put_number(at, length, 4);
}

void send_frame(uint8_t type, uint32_t stream, const void *payload, size_t length) {
  uint8_t *at = begin_frame(type, stream, length);
  if (length > 0) memcpy(at, payload, length);
}

void send_error(uint32_t stream, int error) {
  uint8_t payload[4];
  put_number(payload, error, sizeof payload);
  send_frame(ERROR, stream, payload, sizeof payload);
}
