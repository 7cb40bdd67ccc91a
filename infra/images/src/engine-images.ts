import { createReadStream, createWriteStream } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { callEngine, callEngineJson, EngineError, type EngineCall } from './engine-api.ts'

const idleMs = 300_000

/** Labels of an image in the engine; undefined if it does not have the image. */
export async function findLabels(
  dockerHost: string,
  reference: string,
): Promise<Record<string, string> | undefined> {
  try {
    const path = `/images/${encodeURIComponent(reference)}/json`
    const image = await callEngineJson<{ Config?: { Labels?: Record<string, string> | null } }>(
      dockerHost,
      path,
    )
    return image.Config?.Labels ?? {}
  } catch (error) {
    if (error instanceof EngineError && error.status === 404) return undefined
    throw error
  }
}

/** Makes an image of one layer out of a tar file. `changes` are Dockerfile instructions. */
export async function importImage(dockerHost: string, reference: string, tarFile: string, changes: string[]) {
  const { name, tag } = splitReference(reference)
  const query = new URLSearchParams([
    ['fromSrc', '-'],
    ['repo', name],
    ['tag', tag],
    ...changes.map((change) => ['changes', change]),
  ])
  await follow(dockerHost, `/images/create?${query}`, {
    method: 'POST',
    stream: createReadStream(tarFile),
    idleMs,
  })
}

/** Builds an image with the Engine's classic builder, which every Engine has without plugins. */
export async function buildImage(
  dockerHost: string,
  reference: string,
  options: { context: Readable; labels: Record<string, string>; args: Record<string, string> },
): Promise<void> {
  const query = new URLSearchParams({
    t: reference,
    labels: JSON.stringify(options.labels),
    buildargs: JSON.stringify(options.args),
    // The machine's own network: its proxies and resolvers may listen on loopback only.
    networkmode: 'host',
    forcerm: '1',
  })
  await follow(dockerHost, `/build?${query}`, { method: 'POST', stream: options.context, idleMs })
}

/** Pulls an image; ends when nothing has moved for `stallMs`. */
export async function pullImage(dockerHost: string, reference: string, stallMs: number): Promise<void> {
  const { name, tag } = splitReference(reference)
  const query = new URLSearchParams({ fromImage: name, tag })
  await follow(dockerHost, `/images/create?${query}`, { method: 'POST', idleMs: stallMs })
}

/** Loads what `saveImage` wrote. */
export async function loadImage(dockerHost: string, tarFile: string): Promise<void> {
  await follow(dockerHost, '/images/load?quiet=1', {
    method: 'POST',
    stream: createReadStream(tarFile),
    idleMs,
  })
}

/** Writes an image with its layers to a tar file, which appears under its name when it is complete. */
export async function saveImage(dockerHost: string, reference: string, tarFile: string): Promise<void> {
  const part = `${tarFile}.${process.pid}.part`
  try {
    const { body } = await callEngine(dockerHost, `/images/${encodeURIComponent(reference)}/get`, { idleMs })
    await pipeline(body, createWriteStream(part))
    await rename(part, tarFile)
  } finally {
    await rm(part, { force: true })
  }
}

// These calls answer 200 at once and tell their failure as a line of their progress.
async function follow(dockerHost: string, path: string, call: EngineCall): Promise<void> {
  const { body } = await callEngine(dockerHost, path, call)
  const last: string[] = []
  for await (const line of createInterface({ input: body })) {
    if (line.trim() === '') continue
    const { error, stream } = JSON.parse(line) as { error?: string; stream?: string }
    if (stream) last.push(stream.trim())
    if (error) throw new Error([...last.slice(-5), error].join('\n'))
  }
}

function splitReference(reference: string): { name: string; tag: string } {
  const colon = reference.lastIndexOf(':')
  const tagged = colon > reference.lastIndexOf('/')
  return {
    name: tagged ? reference.slice(0, colon) : reference,
    tag: tagged ? reference.slice(colon + 1) : 'latest',
  }
}
