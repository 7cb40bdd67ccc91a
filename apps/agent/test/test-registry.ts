import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gzipSync } from 'node:zlib'

export interface TestRegistry extends AsyncDisposable {
  /** What stands before the slash of its images. */
  readonly host: string
  /** Changes what it asks for; null: it gives everything to everybody. */
  protect(login: { username: string; password: string } | null): void
}

interface Blob {
  readonly mediaType: string
  readonly content: Buffer
}

const digestOf = (content: Buffer): string => `sha256:${createHash('sha256').update(content).digest('hex')}`

/** A registry with one small image under every name (https://distribution.github.io/distribution/spec/api/). */
export async function startTestRegistry(): Promise<TestRegistry> {
  let wanted: string | undefined
  const { blobs, manifest } = makeImage()
  const server = createServer(({ url = '', headers, method }, response) => {
    if (wanted !== undefined && headers.authorization !== wanted) {
      response.writeHead(401, {
        'www-authenticate': 'Basic realm="test"',
        'content-type': 'application/json',
      })
      response.end(JSON.stringify({ errors: [{ code: 'UNAUTHORIZED', message: 'authentication required' }] }))
      return
    }
    const [, kind, reference = ''] = /\/(manifests|blobs)\/([^/]+)$/.exec(url) ?? []
    const blob = kind === 'manifests' ? manifest : blobs.get(reference)
    if (!blob) {
      response.writeHead(url === '/v2/' ? 200 : 404).end()
      return
    }
    response.writeHead(200, {
      'content-type': blob.mediaType,
      'content-length': blob.content.length,
      'docker-content-digest': digestOf(blob.content),
    })
    response.end(method === 'HEAD' ? undefined : blob.content)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    protect: (login) => {
      wanted =
        login === null
          ? undefined
          : `Basic ${Buffer.from(`${login.username}:${login.password}`).toString('base64')}`
    },
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

function makeImage(): { blobs: Map<string, Blob>; manifest: Blob } {
  // A tar archive without an entry.
  const layer = Buffer.alloc(1024)
  const packed = gzipSync(layer)
  const config = Buffer.from(
    JSON.stringify({
      architecture: 'amd64',
      os: 'linux',
      config: { Cmd: ['/none'] },
      rootfs: { type: 'layers', diff_ids: [digestOf(layer)] },
    }),
  )
  const type = 'application/vnd.docker'
  const configType = `${type}.container.image.v1+json`
  const layerType = `${type}.image.rootfs.diff.tar.gzip`
  const mediaType = `${type}.distribution.manifest.v2+json`
  const content = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType,
      config: { mediaType: configType, size: config.length, digest: digestOf(config) },
      layers: [{ mediaType: layerType, size: packed.length, digest: digestOf(packed) }],
    }),
  )
  const blobs = new Map<string, Blob>([
    [digestOf(config), { mediaType: configType, content: config }],
    [digestOf(packed), { mediaType: layerType, content: packed }],
  ])
  return { blobs, manifest: { mediaType, content } }
}
