// All memory that grows with use: blocks of one region, so that its bound holds by construction. Each fifo may
// always have a few blocks; the rest is a common pool, so one stalled stream takes nothing that others need.
#include "guest.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum {
  CAPACITY = BLOCK_BYTES - 24,
  RECORD_BYTES = 2,
  RECORD_LENGTH_MASK = 0x7fff,
  TAG_SHIFT = 15,
  SPARE_BLOCKS_MAX = 64,
  FIFO_MAX_FLOOR = 33,
};

// `data` is a row of records: tag and length in 16 bits, then the bytes.
struct block {
  struct block *next;
  uint64_t first;
  uint32_t size;
  uint32_t record;
  uint8_t data[CAPACITY];
};
_Static_assert(sizeof(struct block) == BLOCK_BYTES, "a block is two pages");

static struct block *blocks;
static struct {
  uint16_t free[BLOCK_COUNT];
  bool touched[BLOCK_COUNT];
  size_t free_count, spare_count, pool;
} *book;

// A forked supervisor gets none of these pages: it would keep each page that the guest changes alive a second time.
void *private_pages(size_t bytes) {
  void *pages = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (pages == MAP_FAILED || madvise(pages, bytes, MADV_DONTFORK) < 0) abort();
  return pages;
}

void memory_init(size_t fifo_count) {
  blocks = private_pages((size_t)BLOCK_COUNT * BLOCK_BYTES);
  book = private_pages(sizeof *book);
  book->free_count = BLOCK_COUNT;
  book->pool = BLOCK_COUNT - fifo_count * FIFO_MIN_BLOCKS;
  for (size_t i = 0; i < BLOCK_COUNT; i++) book->free[i] = BLOCK_COUNT - 1 - i;
}

static bool may_grow(const struct fifo *fifo) {
  return fifo->blocks < fifo->limit && (fifo->blocks < fifo->floor || book->pool > 0);
}

static struct block *take_block(struct fifo *fifo) {
  if (!may_grow(fifo)) return NULL;
  if (fifo->blocks++ >= fifo->floor) book->pool--;
  size_t index = book->free[--book->free_count];
  if (book->touched[index]) book->spare_count--;
  book->touched[index] = true;
  return &blocks[index];
}

static void give_block(struct fifo *fifo, struct block *block) {
  if (fifo->blocks-- > fifo->floor) book->pool++;
  size_t index = block - blocks;
  if (book->spare_count < SPARE_BLOCKS_MAX) book->spare_count++;
  else book->touched[index] = madvise(block, BLOCK_BYTES, MADV_DONTNEED) < 0;
  book->free[book->free_count++] = index;
}

void fifo_init(struct fifo *fifo, uint32_t limit) {
  *fifo = (struct fifo){.floor = FIFO_MIN_BLOCKS, .limit = limit < FIFO_MIN_BLOCKS ? FIFO_MIN_BLOCKS : limit};
}

static void remove_head(struct fifo *fifo) {
  struct block *head = fifo->head;
  fifo->head = head->next;
  if (!fifo->head) fifo->tail = NULL;
  give_block(fifo, head);
  uint64_t first = fifo->head ? fifo->head->first : fifo->end;
  if (fifo->first < first) fifo->first = first;
}

void fifo_clear(struct fifo *fifo) {
  while (fifo->head) remove_head(fifo);
  book->pool += fifo->floor - FIFO_MIN_BLOCKS;
  fifo->floor = FIFO_MIN_BLOCKS;
}

static unsigned read_record(const struct block *block, uint32_t at) {
  uint16_t record;
  memcpy(&record, block->data + at, sizeof record);
  return record;
}

static void write_record(struct block *block, unsigned tag, size_t length) {
  uint16_t record = tag << TAG_SHIFT | length;
  memcpy(block->data + block->record, &record, sizeof record);
}

static struct block *add_block(struct fifo *fifo) {
  struct block *block = take_block(fifo);
  if (!block) return NULL;
  block->next = NULL;
  block->first = fifo->end;
  block->size = 0;
  if (fifo->tail) fifo->tail->next = block;
  else fifo->head = block;
  return fifo->tail = block;
}

static void begin_record(struct block *block, unsigned tag) {
  block->record = block->size;
  block->size += RECORD_BYTES;
  write_record(block, tag, 0);
}

static bool is_full(const struct block *block) { return block->size + RECORD_BYTES >= CAPACITY; }

bool fifo_full(const struct fifo *fifo) { return (!fifo->tail || is_full(fifo->tail)) && !may_grow(fifo); }

// Where the next bytes of this tag go, or NULL where there may be no more. Nothing counts until fifo_commit.
uint8_t *fifo_reserve(struct fifo *fifo, unsigned tag, size_t *room) {
  struct block *block = fifo->tail;
  unsigned last = block ? read_record(block, block->record) : 0;
  if (block && (last & RECORD_LENGTH_MASK) == 0) write_record(block, tag, 0);
  else if (!block || last >> TAG_SHIFT != tag || block->size == CAPACITY) {
    if (!block || is_full(block)) block = add_block(fifo);
    if (!block) return NULL;
    begin_record(block, tag);
  }
  *room = CAPACITY - block->size;
  return block->data + block->size;
}

void fifo_commit(struct fifo *fifo, size_t length) {
  struct block *block = fifo->tail;
  unsigned record = read_record(block, block->record);
  write_record(block, record >> TAG_SHIFT, (record & RECORD_LENGTH_MASK) + length);
  block->size += length;
  fifo->end += length;
}

// As fifo_reserve, with as many blocks more as there may be. Gives how many pieces; fifo_fill has to follow.
int fifo_reserve_many(struct fifo *fifo, unsigned tag, struct iovec *pieces) {
  size_t room;
  uint8_t *at = fifo_reserve(fifo, tag, &room);
  if (!at) return 0;
  pieces[0] = (struct iovec){.iov_base = at, .iov_len = room};
  int count = 1;
  for (struct block *block; count < FIFO_PIECES && (block = add_block(fifo)); count++) {
    begin_record(block, tag);
    pieces[count] = (struct iovec){.iov_base = block->data + block->size, .iov_len = CAPACITY - block->size};
  }
  return count;
}

// Counts the first bytes of what was reserved, and gives back the blocks that stayed empty.
void fifo_fill(struct fifo *fifo, const struct iovec *pieces, size_t length) {
  struct block *block = &blocks[((const uint8_t *)pieces->iov_base - (const uint8_t *)blocks) / BLOCK_BYTES];
  for (;;) {
    size_t count = length < pieces->iov_len ? length : pieces->iov_len;
    fifo->tail = block;
    fifo_commit(fifo, count);
    length -= count;
    if (length == 0) break;
    block = block->next;
    block->first = fifo->end;
    pieces++;
  }
  struct block *empty = block->next;
  block->next = NULL;
  while (empty) {
    struct block *next = empty->next;
    give_block(fifo, empty);
    empty = next;
  }
}

// The bytes of one tag that follow `offset` in one piece; `offset` must be within the fifo.
static size_t peek(const struct fifo *fifo, uint64_t offset, unsigned *tag, const uint8_t **bytes) {
  const struct block *block = fifo->tail->first <= offset ? fifo->tail : fifo->head;
  while (block->next && block->next->first <= offset) block = block->next;
  uint64_t position = block->first;
  for (uint32_t at = 0;;) {
    unsigned record = read_record(block, at);
    size_t length = record & RECORD_LENGTH_MASK;
    if (offset < position + length) {
      *tag = record >> TAG_SHIFT;
      *bytes = block->data + at + RECORD_BYTES + (offset - position);
      return length - (offset - position);
    }
    position += length;
    at += RECORD_BYTES + length;
  }
}

// The bytes of one tag that follow `offset` in a row, at most `limit` of them, in pieces. Gives how many pieces.
int fifo_pieces(const struct fifo *fifo, uint64_t offset, size_t limit, unsigned *tag, struct iovec *pieces) {
  int count = 0;
  while (count < FIFO_PIECES && limit > 0 && offset < fifo->end) {
    unsigned next;
    const uint8_t *bytes;
    size_t length = peek(fifo, offset, &next, &bytes);
    if (count == 0) *tag = next;
    if (next != *tag) break;
    if (length > limit) length = limit;
    pieces[count++] = (struct iovec){.iov_base = (void *)bytes, .iov_len = length};
    offset += length;
    limit -= length;
  }
  return count;
}

// Counts bytes that went past an empty fifo.
void fifo_pass(struct fifo *fifo, size_t length) {
  while (fifo->head) remove_head(fifo);
  fifo->first = fifo->end += length;
}

// Frees what lies before `offset`.
void fifo_release(struct fifo *fifo, uint64_t offset) {
  while (fifo->head && (fifo->head->next ? fifo->head->next->first : fifo->end) <= offset) remove_head(fifo);
  if (fifo->first < offset) fifo->first = offset;
}

bool fifo_drop_oldest(struct fifo *fifo) {
  if (!fifo->head) return false;
  remove_head(fifo);
  return true;
}

// How many bytes fit whatever happens: a block that is partly read keeps its room until it is read whole.
size_t fifo_window(const struct fifo *fifo) {
  return (size_t)(fifo->floor - 1) * (CAPACITY - RECORD_BYTES);
}

// Doubles the window if the pool has the blocks.
bool fifo_widen(struct fifo *fifo) {
  size_t more = fifo->floor - 1;
  if (fifo->floor + more > FIFO_MAX_FLOOR || book->pool < more) return false;
  book->pool -= more;
  fifo->floor += more;
  if (fifo->limit < fifo->floor) fifo->limit = fifo->floor;
  return true;
}
