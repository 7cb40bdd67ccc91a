import { GpulabError } from '@gpulab/contract'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

interface Asset {
  readonly type: string
  readonly body: Buffer
  readonly etag: string
}

/** Beside the bundle, or in the checkout and its packages. */
function locate(name: string, packaged?: string): string {
  const bundled = join(import.meta.dirname, 'assets', name)
  if (existsSync(bundled)) return bundled
  if (packaged !== undefined) return fileURLToPath(import.meta.resolve(packaged))
  return join(import.meta.dirname, '../../assets', name)
}

function load(type: string, name: string, packaged?: string): Asset {
  const body = readFileSync(locate(name, packaged))
  return { type, body, etag: `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"` }
}

const script = 'text/javascript; charset=utf-8'
const sheet = 'text/css; charset=utf-8'

/** All that the page needs: nothing is fetched from anywhere else. */
const loadAssets = (): Readonly<Record<string, Asset>> => ({
  '/': load('text/html; charset=utf-8', 'terminal.html'),
  '/assets/terminal.js': load(script, 'terminal.js'),
  '/assets/terminal.css': load(sheet, 'terminal.css'),
  '/assets/xterm.js': load(script, 'xterm.js', '@xterm/xterm/lib/xterm.js'),
  '/assets/xterm.css': load(sheet, 'xterm.css', '@xterm/xterm/css/xterm.css'),
  '/assets/addon-fit.js': load(script, 'addon-fit.js', '@xterm/addon-fit/lib/addon-fit.js'),
})

/** The styles of xterm.js are written by its script; nothing else may be inline, and nothing comes from elsewhere. */
const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "connect-src 'self'",
  "img-src 'self' data:",
  "frame-ancestors 'none'",
  "base-uri 'none'",
  "form-action 'none'",
].join('; ')

export type ServePage = (path: string, request: IncomingMessage, response: ServerResponse) => void

/** Serves the terminal page and its parts. */
export function createPage(): ServePage {
  const assets = loadAssets()
  return (path, { method, headers }, response) => {
    const asset = assets[path.split('?')[0] ?? '']
    if (!asset || (method !== 'GET' && method !== 'HEAD'))
      throw new GpulabError('route_not_found', { message: 'There is nothing at this address.' })
    const isKnown = headers['if-none-match'] === asset.etag
    response.writeHead(isKnown ? 304 : 200, {
      'content-type': asset.type,
      'content-security-policy': policy,
      'cross-origin-opener-policy': 'same-origin',
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      'cache-control': 'no-cache',
      etag: asset.etag,
      ...(!isKnown && { 'content-length': asset.body.length }),
    })
    response.end(isKnown || method === 'HEAD' ? undefined : asset.body)
  }
}
