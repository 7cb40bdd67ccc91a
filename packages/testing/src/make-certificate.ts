import { run } from './service.ts'
import { readFile, writeFile } from 'node:fs/promises'
import { isIP } from 'node:net'
import { join } from 'node:path'

export interface Certificate {
  readonly certFile: string
  readonly keyFile: string
  readonly caFile: string
  /** PEM. */
  readonly ca: string
}

/** A certificate for these names, by an authority of its own that nobody trusts. */
export async function makeCertificate(dir: string, names: readonly string[]): Promise<Certificate> {
  const file = (name: string): string => join(dir, name)
  const [caKey, caFile, keyFile, request, certFile] = [
    'ca-key.pem',
    'ca.pem',
    'proxy-key.pem',
    'proxy.csr',
    'proxy.pem',
  ].map(file) as [string, string, string, string, string]
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
  const alternatives = names.map((name) => `${isIP(name) ? 'IP' : 'DNS'}:${name}`).join(',')
  await writeFile(file('proxy.ext'), `subjectAltName=${alternatives}\n`)
  await openssl(
    'req',
    '-x509',
    ...newKey,
    '-days',
    '2',
    '-subj',
    '/CN=test authority',
    '-keyout',
    caKey,
    '-out',
    caFile,
  )
  await openssl('req', '-new', ...newKey, '-subj', '/CN=proxy', '-keyout', keyFile, '-out', request)
  const signed = [
    '-CA',
    caFile,
    '-CAkey',
    caKey,
    '-CAcreateserial',
    '-days',
    '2',
    '-extfile',
    file('proxy.ext'),
  ]
  await openssl('x509', '-req', '-in', request, ...signed, '-out', certFile)
  return { certFile, keyFile, caFile, ca: await readFile(caFile, 'utf8') }
}

async function openssl(...args: string[]): Promise<void> {
  const { code, stderr } = await run('openssl', args)
  if (code !== 0) throw new Error(`openssl ${args[0]} ended with ${code}: ${stderr}`)
}
