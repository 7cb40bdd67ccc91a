import { GpulabError } from '@gpulab/contract'
import { readFile } from 'node:fs/promises'
import { text } from 'node:stream/consumers'

/** Of `--data`: the text itself, a file's after `@`, standard input's for `-`. It has to be JSON. */
export async function createBodyReader(data: string | undefined): Promise<string | undefined> {
  if (data === undefined) return undefined
  const content =
    data === '-' ? await text(process.stdin) : data.startsWith('@') ? await read(data.slice(1)) : data
  try {
    JSON.parse(content)
  } catch (cause) {
    throw new GpulabError('invalid_request', {
      message: 'The data is not JSON.',
      hint: `Write it like --data '{"name":"job"}', --data @file.json or --data -.`,
      cause,
    })
  }
  return content
}

async function read(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (cause) {
    throw new GpulabError('invalid_request', {
      message: `${path} cannot be read: ${(cause as Error).message}.`,
      cause,
    })
  }
}
