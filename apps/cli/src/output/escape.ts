/**
 * Control characters and bidirectional marks of foreign text, which could move the cursor, hide what follows or
 * reverse it. C0, DEL, C1, and Unicode's marks, embeddings, overrides and isolates.
 */
const dangerous = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g

const short: Record<string, string> = { '\n': String.raw`\n`, '\r': String.raw`\r`, '\t': String.raw`\t` }

/** Makes text of servers and containers safe to show in one line on a terminal. */
export const escapeText = (text: string): string =>
  text.replaceAll(
    dangerous,
    (character) => short[character] ?? `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
