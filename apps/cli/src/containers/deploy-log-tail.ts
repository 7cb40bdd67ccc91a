import type { ApiContext } from '../context.ts'
import { escapeText } from '../output/escape.ts'

const tailLines = 10

/** The end of the deployment log, so that the reason need not be asked for. */
export async function tellDeployLog({ api, output, signal }: ApiContext, uuid: string): Promise<void> {
  if (output.mode === 'json') return
  const tail: string[] = []
  try {
    for await (const { line } of await api.logs.deploy({ params: { uuid } }, { signal })) {
      tail.push(line)
      if (tail.length > tailLines) tail.shift()
    }
  } catch {
    // The failure that is being told is the one that matters.
  }
  for (const line of tail) process.stderr.write(`  ${escapeText(line)}\n`)
}
