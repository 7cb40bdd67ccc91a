import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { readConfig, withFlags } from './config.ts'
import { toListenTarget } from '@gpulab/http'

const dir = mkdtempSync(join(tmpdir(), 'gpulab-config-'))
afterAll(() => rmSync(dir, { recursive: true }))

function file(name: string, content: string): string {
  const path = join(dir, name)
  writeFileSync(path, content)
  return path
}
const complete = {
  GPULAB_PEPPER_FILE: file('pepper', `${'p'.repeat(32)}\n`),
  GPULAB_ENCRYPTION_KEY_FILE: file('key', 'ab'.repeat(32)),
}

describe('the settings', () => {
  it('have defaults for one machine, and secrets from files', () => {
    expect(readConfig(complete)).toMatchObject({
      listen: ['127.0.0.1:7070'],
      pepper: 'p'.repeat(32),
      encryptionKey: Buffer.alloc(32, 0xab),
      databaseUrl: undefined,
      gatewayKey: undefined,
      proxyUrl: undefined,
    })
  })

  it('may be flags, which win', () => {
    const environment = withFlags(
      { ...complete, GPULAB_LISTEN: 'a:1' },
      { listen: 'b:2,unix:/s', 'proxy-url': 'https://p.example' },
    )
    expect(readConfig(environment)).toMatchObject({
      listen: ['b:2', 'unix:/s'],
      gatewayKey: undefined,
      proxyUrl: new URL('https://p.example'),
    })
  })

  it('are refused all at once, without their values', () => {
    const broken = {
      GPULAB_PEPPER_FILE: file('short', 'hunter2'),
      GPULAB_ENCRYPTION_KEY_FILE: join(dir, 'none'),
      GPULAB_PROXY_URL: 'x',
    }
    expect(() => readConfig(broken)).toThrow(
      /PEPPER_FILE: holds fewer[^]*ENCRYPTION_KEY_FILE: ENOENT[^]*PROXY_URL/,
    )
    expect(() => readConfig(broken)).not.toThrow(/hunter2/)
  })

  it('want certificate and key together', () => {
    expect(() => readConfig({ ...complete, GPULAB_TLS_CERT: complete.GPULAB_PEPPER_FILE })).toThrow(
      /go together/,
    )
  })
})

describe('an address to listen on', () => {
  it.each([
    ['127.0.0.1:80', { host: '127.0.0.1', port: 80 }],
    ['[::1]:80', { host: '::1', port: 80 }],
    [':80', { host: '0.0.0.0', port: 80 }],
  ])('%s', (text, address) => expect(toListenTarget(text, 'GPULAB_LISTEN')).toEqual(address))

  it.each(['80', 'a:b', 'a:999999'])('is not %s', (text) =>
    expect(() => toListenTarget(text, 'GPULAB_LISTEN')).toThrow(/not host:port/),
  )
})
