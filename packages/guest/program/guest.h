// What the parts of the guest share. ../protocol.md describes what goes over the wire.
#pragma once

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

// memory.c: blocks from one region of fixed size, and queues of bytes made of them.

enum { BLOCK_BYTES = 8192, BLOCK_COUNT = 2048, FIFO_MIN_BLOCKS = 2, FIFO_PIECES = 16 };

// Bytes with offsets that count from the first one ever added; each run of bytes carries a tag.
struct fifo {
  struct block *head, *tail;
  uint64_t first, end;
  uint32_t blocks;
  uint32_t floor;  // blocks that this fifo may have whatever the others have
  uint32_t limit;
};

void *private_pages(size_t bytes);
void memory_init(size_t fifo_count);
void fifo_init(struct fifo *fifo, uint32_t limit);
void fifo_clear(struct fifo *fifo);
uint8_t *fifo_reserve(struct fifo *fifo, unsigned tag, size_t *room);
void fifo_commit(struct fifo *fifo, size_t length);
int fifo_reserve_many(struct fifo *fifo, unsigned tag, struct iovec *pieces);
void fifo_fill(struct fifo *fifo, const struct iovec *pieces, size_t length);
int fifo_pieces(const struct fifo *fifo, uint64_t offset, size_t limit, unsigned *tag, struct iovec *pieces);
void fifo_pass(struct fifo *fifo, size_t length);
void fifo_release(struct fifo *fifo, uint64_t offset);
bool fifo_full(const struct fifo *fifo);
bool fifo_drop_oldest(struct fifo *fifo);
bool fifo_widen(struct fifo *fifo);
size_t fifo_window(const struct fifo *fifo);

// wire.c: frames of the connection to the agent.

enum {
  PROTOCOL_VERSION = 1,
  PROTOCOL_OLDEST = 1,
  FRAME_HEADER_BYTES = 9,
  FRAME_MAX_BYTES = 2 << 20,
  INPUT_MAX_BYTES = 64 << 10,
  OUTPUT_MAX_BYTES = 64 << 10,
};

enum frame_type {
  HELLO = 0,
  // From the agent.
  RUN = 1, ATTACH, DIAL, INPUT, END_INPUT, TAKEN, DETACH, SIGNAL, RESIZE, KILL, FORGET, LIST,
  // From the guest. STDERR is STDOUT + 1.
  OPENED = 128, STDOUT, STDERR, GAP, END_OUTPUT, GRANT, CLOSED_INPUT, EXIT, EXITED, RESULT, ERROR,
};

struct frame {
  uint8_t type;
  uint32_t stream, length;
  const uint8_t *payload;
};

// Takes big-endian numbers and NUL-terminated strings off a payload; once it ran short it stays `failed`.
struct reader {
  const uint8_t *at;
  size_t left;
  bool failed;
};

const uint8_t *take_bytes(struct reader *reader, size_t count);
uint64_t take_number(struct reader *reader, size_t bytes);
const char *take_string(struct reader *reader);
uint8_t *put_number(uint8_t *at, uint64_t value, size_t bytes);

enum inbox_state { INBOX_FRAME, INBOX_EMPTY, INBOX_BROKEN };

// wire_read gives false when the connection has ended.
void wire_init(void);
void wire_reset(void);
bool wire_read(int connection);
void wire_write(int connection);
bool wire_wants_write(void);
size_t wire_room(void);
void wire_feed(const uint8_t *bytes, size_t length);
enum inbox_state wire_next(struct frame *frame);
void wire_forget_inbox(void);
void send_frame(uint8_t type, uint32_t stream, const void *payload, size_t length);
uint8_t *begin_frame(uint8_t type, uint32_t stream, size_t length);
void send_error(uint32_t stream, int error);

// launch.c: a program with its pipes or terminal, and the supervisor that starts it.

struct launch {
  char **argv, **env;
  const char *cwd;
  uint32_t timeout_ms;
  uint16_t columns, rows;
  bool terminal, input;
};

// The guest's ends; -1 where there is none.
struct ends {
  int input, output[2], supervisor;
};

enum { FLAG_TIMED_OUT = 1, FLAG_KILLED = 2, FLAG_SURVIVORS = 4 };
enum failure { FAILED_NOT, FAILED_EXEC, FAILED_CWD, FAILED_FORK, FAILED_DIAL, FAILED_SUPERVISOR };

// How a session ended. A failure says why the program never ran, or is out of sight; `error` is its errno.
struct ending {
  uint8_t flags, failure, code, signal;
  uint32_t error;
};

enum order_kind { ORDER_SIGNAL, ORDER_KILL };
struct order {
  uint8_t kind, signal;
};

int launch_program(const struct launch *launch, struct ends *ends);
void close_end(int *end);
void close_ends(struct ends *ends);

// supervisor.c, tree.c

enum { CONTROL_FD = 3 };
_Noreturn void supervise(const struct launch *launch);
_Noreturn void start_program(const struct launch *launch);
void kill_tree(void);

// session.c, speech.c, request.c: programs and dialled ports, with what they said and what they shall hear.

enum { SESSION_MAX = 256, SESSION_WATCHES = 4, SESSION_ID_BYTES = 16 };

// serve_request gives false when the agent breaks the protocol, sessions_settle when it has to be called again.
void sessions_init(void);
bool serve_request(const struct frame *frame);
void sessions_disconnected(void);
size_t sessions_watch(struct pollfd *watches);
void sessions_ready(const struct pollfd *watches);
int64_t sessions_settle(int64_t now);
bool sessions_speak(void);

// ../files

int run_file_program(int argc, char **argv);

int64_t now_ms(void);
