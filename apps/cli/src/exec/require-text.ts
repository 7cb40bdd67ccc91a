import { GpulabError } from '@gpulab/contract'
import { isUtf8 } from 'node:buffer'
import { readFileSync } from 'node:fs'

const replacement = '\ufffd'

/**
 * Throws where an argument is no UTF-8. Node has replaced its bytes by then, and a command that is not what was written
 * must not run.
 */
export function requireText(command: readonly string[], readRaw = readCommandLine): void {
  if (!command.some((argument) => argument.includes(replacement)) || isUtf8(readRaw())) return
  throw new GpulabError('invalid_request', {
    message: 'An argument of the command is not UTF-8, and would not arrive as it is.',
    hint: String.raw`Give the bytes through standard input, or have a shell there make them: sh -c 'printf "\377"'.`,
  })
}

/** Where it can't be read, what is there is what was written: only Linux has such names. */
function readCommandLine(): Uint8Array {
  try {
    return readFileSync('/proc/self/cmdline')
  } catch {
    return new Uint8Array()
  }
}
