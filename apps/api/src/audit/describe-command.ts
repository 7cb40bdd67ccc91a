import { createHash } from 'node:crypto'

const keptCharacters = 16 << 10

/** The command as it was sent; of a long one its beginning, and what the whole can be recognized by. */
export function describeCommand(command: string | readonly string[]): Record<string, unknown> {
  const text = JSON.stringify(command)
  if (text.length <= keptCharacters) return { command }
  return {
    command_json_begins: text.slice(0, keptCharacters),
    command_json_length: text.length,
    command_json_sha256: createHash('sha256').update(text).digest('hex'),
  }
}
