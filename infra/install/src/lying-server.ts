import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** What the server does instead of giving the archive as it is. */
export type Lie =
  | 'none'
  | 'missing'
  | 'truncated'
  | 'short'
  | 'corrupted'
  | 'page'
  | 'no-checksums'
  | 'other-checksums'

export interface LyingServer extends AsyncDisposable {
  readonly url: string
  lie: Lie
  /** Paths that were asked for. */
  readonly asked: string[]
}

/** Serves a release, or something else. */
export async function startLyingServer(archive: Buffer, prefix = 'gpulab_'): Promise<LyingServer> {
  const sum = createHash('sha256').update(archive).digest('hex')
  const names = ['linux_amd64', 'linux_arm64', 'darwin_amd64', 'darwin_arm64']
  const sums = names.map((name) => `${sum}  ${prefix}${name}.tar.gz\n`).join('')
  const http = createServer(({ url = '' }, response) => {
    server.asked.push(url)
    if (url.endsWith('/checksums.txt')) giveChecksums(response)
    else giveArchive(response)
  })
  const giveChecksums = (response: ServerResponse): void => {
    if (server.lie === 'no-checksums') response.writeHead(404).end()
    else response.end(server.lie === 'other-checksums' ? 'abc  other.tar.gz\n' : sums)
  }
  const giveArchive = (response: ServerResponse): void => {
    const half = archive.subarray(0, archive.length / 2)
    switch (server.lie) {
      case 'missing':
        return void response.writeHead(404).end('Not Found')
      case 'truncated':
        response.writeHead(200, { 'content-length': archive.length }).write(half, () => response.destroy())
        return
      case 'short':
        return void response.end(half)
      case 'corrupted':
        return void response.end(Buffer.concat([half, Buffer.from('x'), archive.subarray(half.length + 1)]))
      case 'page':
        return void response.end('<html>Log in to this network first</html>')
      case 'none':
      case 'no-checksums':
      case 'other-checksums':
        return void response.end(archive)
    }
  }
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  const server: LyingServer = {
    url: `http://127.0.0.1:${(http.address() as AddressInfo).port}`,
    lie: 'none',
    asked: [],
    [Symbol.asyncDispose]: async () => {
      http.closeAllConnections()
      http.close()
      await once(http, 'close')
    },
  }
  return server
}
