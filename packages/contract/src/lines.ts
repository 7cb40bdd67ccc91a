/** Longer lines are cut off with an error instead of filling the memory. */
const lineMaxCharacters = 4 << 20

/** Splits a byte stream at `\n`; a last line without one counts. */
export async function* readLines(body: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const chunk of body) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n')
    rest = lines.pop() ?? ''
    if (rest.length > lineMaxCharacters) throw new RangeError('A line of the stream is too long')
    yield* lines
  }
  rest += decoder.decode()
  if (rest !== '') yield rest
}
