import { commandOutputs, findMismatch } from '@gpulab/contract/outputs'

/** Gives the document back, if it is what `gpulab schema` says of the command: no key is lost or new unnoticed. */
export function checkOutput<T>(args: readonly string[], document: T): T {
  const words = args.slice(
    0,
    Math.max(
      1,
      args.findIndex((word) => word.startsWith('-')),
    ),
  )
  const id = [words.slice(0, 2).join(':'), words[0] ?? ''].find((each) => each in commandOutputs)
  const output = id === undefined ? undefined : commandOutputs[id]
  const mismatch = output?.kind === 'document' ? findMismatch(output, document) : undefined
  if (mismatch !== undefined)
    throw new Error(`gpulab ${args.join(' ')} printed something else than its schema: ${mismatch}`)
  return document
}
