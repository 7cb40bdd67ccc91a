// What session.c, speech.c and request.c know of a session.
#pragma once

#include "guest.h"

enum { OUT, ERR };

struct session {
  bool used, terminal, dialled;
  bool connecting;  // a dialled port that has not answered yet
  bool exited;      // the program has exited, or a dialled port is closed both ways
  bool ended;       // and all of its output is in `output`
  bool opened, told_output_end, told_input_closed, told_exit, forgotten, input_ended;
  uint8_t id[SESSION_ID_BYTES];
  struct ends ends;
  struct ending ending;
  uint32_t stream;       // 0 while nobody is attached
  uint32_t kill_stream;  // whose request is answered when nothing is left
  int64_t started, drain_until;
  // A lossless session's program waits for its reader, so long for an agent that went away; 0 where nobody waits.
  uint32_t patience_ms;
  int64_t patient_until;
  struct fifo output, input;
  uint64_t sent, taken;  // offsets in `output`
  uint32_t credit;       // bytes of output that may be sent
  uint32_t granted;      // bytes of input that may come
  size_t quota[2];       // bytes of output that still count
};

struct session *find_session(const uint8_t *id);
struct session *find_stream(uint32_t stream);
size_t sessions_top(void);
struct session *session_at(size_t index);
struct session *next_session(struct session *after);
struct session *add_session(void);
void remove_session(struct session *s);
void attach_session(struct session *s, uint32_t stream, uint64_t offset, uint32_t credit, uint32_t patience_ms);
void detach_session(struct session *s);
void take_input(struct session *s, const uint8_t *bytes, size_t length);
void write_input(struct session *s);
bool output_complete(const struct session *s);
uint8_t *put_ending(uint8_t *at, const struct ending *ending);
