// What the guest says unasked. It follows from the sessions' state alone, so nothing is lost while the connection is
// full or away.
#include "session.h"

#include <string.h>

enum { SPEECH_ROOM = OUTPUT_MAX_BYTES + 256 };

uint8_t *put_ending(uint8_t *at, const struct ending *ending) {
  at = put_number(at, ending->flags, 1);
  at = put_number(at, ending->failure, 1);
  at = put_number(at, ending->code, 1);
  at = put_number(at, ending->signal, 1);
  return put_number(at, ending->error, 4);
}

static void tell_exited(struct session *s) {
  uint8_t payload[SESSION_ID_BYTES + 8];
  memcpy(payload, s->id, SESSION_ID_BYTES);
  put_ending(payload + SESSION_ID_BYTES, &s->ending);
  send_frame(EXITED, 0, payload, sizeof payload);
  s->told_exit = true;
}

static void tell_opened(struct session *s) {
  bool takes = s->ends.input >= 0 && !s->input_ended;
  s->granted = takes ? fifo_window(&s->input) - (s->input.end - s->input.first) : 0;
  uint8_t payload[21], *at = put_number(payload, s->sent, 8);
  at = put_number(at, s->input.end, 8);
  at = put_number(at, s->granted, 4);
  put_number(at, takes, 1);
  send_frame(OPENED, s->stream, payload, sizeof payload);
  s->opened = true;
  s->told_input_closed = !takes;
}

static void tell_input(struct session *s) {
  if (s->input_ended) return;
  if (s->ends.input < 0) {
    if (!s->told_input_closed) send_frame(CLOSED_INPUT, s->stream, NULL, 0);
    s->told_input_closed = true;
    return;
  }
  size_t used = s->input.end - s->input.first + s->granted;
  if (fifo_window(&s->input) - used < fifo_window(&s->input) / 2) return;
  // Half of the window was used up: this stream moves, so it may have a wider one.
  fifo_widen(&s->input);
  uint8_t payload[4];
  uint32_t more = fifo_window(&s->input) - used;
  put_number(payload, more, sizeof payload);
  send_frame(GRANT, s->stream, payload, sizeof payload);
  s->granted += more;
}

static bool send_output(struct session *s) {
  if (s->sent == s->output.end || s->credit == 0) return false;
  if (s->sent < s->output.first) {
    uint8_t payload[8];
    uint64_t lost = s->output.first - s->sent;
    put_number(payload, lost, sizeof payload);
    send_frame(GAP, s->stream, payload, sizeof payload);
    s->sent += lost;
    s->taken += lost;
  }
  unsigned tag;
  struct iovec pieces[FIFO_PIECES];
  size_t limit = s->credit < OUTPUT_MAX_BYTES ? s->credit : OUTPUT_MAX_BYTES, length = 0;
  int count = fifo_pieces(&s->output, s->sent, limit, &tag, pieces);
  for (int i = 0; i < count; i++) length += pieces[i].iov_len;
  uint8_t *at = begin_frame(STDOUT + tag, s->stream, length);
  for (int i = 0; i < count; i++) at = mempcpy(at, pieces[i].iov_base, pieces[i].iov_len);
  s->sent += length;
  s->credit -= length;
  return true;
}

static void tell_end(struct session *s) {
  uint8_t payload[8];
  put_ending(payload, &s->ending);
  send_frame(EXIT, s->stream, payload, sizeof payload);
  s->stream = 0;
  if (s->dialled) remove_session(s);
}

static void answer_kill(struct session *s) {
  send_frame(RESULT, s->kill_stream, NULL, 0);
  s->kill_stream = 0;
}

// Gives whether there may be more to say at once.
static bool speak(struct session *s) {
  if (s->kill_stream && s->ends.supervisor < 0) answer_kill(s);
  if (s->exited && !s->told_exit && !s->dialled) tell_exited(s);
  if (!s->stream || s->connecting) return false;
  if (!s->opened && s->ending.failure != FAILED_DIAL) tell_opened(s);
  if (!s->exited) tell_input(s);
  if (send_output(s)) return true;
  if (s->sent < s->output.end) return false;
  if (output_complete(s) && !s->ended && !s->told_output_end) {
    send_frame(END_OUTPUT, s->stream, NULL, 0);
    s->told_output_end = true;
  }
  if (s->ended) tell_end(s);
  return false;
}

// In turns, a frame each, so that none waits for another's flood. Gives whether something is left for want of room.
bool sessions_speak(void) {
  static size_t next;
  bool more = true;
  while (more) {
    more = false;
    for (size_t i = 0; i < sessions_top(); i++) {
      size_t index = (next + i) % sessions_top();
      struct session *s = session_at(index);
      if (wire_room() < SPEECH_ROOM) {
        next = index;
        return true;
      }
      if (s->used && speak(s)) more = true;
    }
  }
  return false;
}
