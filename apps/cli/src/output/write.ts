/** A reader that is slower than the data must not fill our memory. */
export async function write(stream: NodeJS.WriteStream, text: string): Promise<void> {
  if (stream.write(text)) return
  const { promise, resolve } = Promise.withResolvers<void>()
  stream.once('drain', resolve)
  await promise
}
