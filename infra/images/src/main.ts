import { parseArgs } from 'node:util'
import { ensureImages } from './ensure-images.ts'
import { imageKeys, imageName, type ImageKey } from './image-list.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    'docker-host': { type: 'string', default: process.env.DOCKER_HOST ?? 'unix:///var/run/docker.sock' },
    'cache-dir': { type: 'string' },
    offline: { type: 'boolean', default: false },
  },
})

try {
  const images = await ensureImages({
    dockerHost: values['docker-host'],
    keys: positionals.length > 0 ? (positionals as ImageKey[]) : imageKeys,
    offline: values.offline,
    ...(values['cache-dir'] !== undefined && { cacheDir: values['cache-dir'] }),
    log: (line) => process.stderr.write(`${line}\n`),
  })
  for (const [key, { reference, standIn }] of Object.entries(images)) {
    const note = standIn ? `  (stand-in for ${imageName(key as ImageKey)})` : ''
    process.stdout.write(`${key}  ${reference}${note}\n`)
  }
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
}
