import { describe, expect, it } from 'vitest'
import { findRegistry, isAllowedRegistry, isImageReference } from './image-reference.ts'

describe('the registry of an image', () => {
  it.each([
    ['ubuntu:22.04', 'docker.io'],
    ['pytorch/pytorch:2.1.0', 'docker.io'],
    ['index.docker.io/a', 'docker.io'],
    ['ghcr.io/a/b@sha256:0', 'ghcr.io'],
    ['Registry.Example.com:5000/a', 'registry.example.com:5000'],
    ['localhost/a', 'localhost'],
    ['INTRANET/a', 'intranet'],
    ['[::1]:5000/a', '[::1]:5000'],
  ])('%s', (reference, registry) => expect(findRegistry(reference)).toBe(registry))

  it.each(['ghcr.io', 'nvcr.io', 'registry.example.com:5000', 'gpulab.invalid', 'a1.b2.example'])(
    'may be %s',
    (registry) => {
      expect(isAllowedRegistry(registry, [])).toBe(true)
    },
  )

  it.each([
    'localhost',
    'localhost:5000',
    '127.0.0.1:5000',
    '169.254.169.254',
    '10.0.0.5',
    '[::1]:5000',
    '2130706433:80',
    '0x7f.1',
    '127.1',
    'metadata.google.internal',
    'nas.local',
    'registry:5000',
    'a.localhost.',
  ])('may not be %s, unless the operator says so', (registry) => {
    expect(isAllowedRegistry(registry, [])).toBe(false)
    expect(isAllowedRegistry(registry, [registry])).toBe(true)
  })
})

describe('the name of an image', () => {
  const digest = `sha256:${'0'.repeat(64)}`

  it.each([
    'ubuntu',
    'ubuntu:22.04',
    'pytorch/pytorch:2.1.0-cuda12.1-cudnn8-runtime',
    'a__b/c.d/e-f--g:T_1',
    'registry.example.com:5000/a/b',
    '[::1]:5000/a',
    `ghcr.io/a/b:1@${digest}`,
    digest,
  ])('may be %s', (reference) => expect(isImageReference(reference)).toBe(true))

  it.each([
    'UPPER:x',
    'a/B',
    'a:',
    'a:b:c',
    'a//b',
    '/a',
    'a/',
    '-a',
    'a..b',
    'a:.b',
    'a@sha256:0',
    `a:${'x'.repeat(129)}`,
    'a b',
    'a\n',
    'https://ghcr.io/a',
  ])('may not be %s', (reference) => expect(isImageReference(reference)).toBe(false))

  it('is judged fast, however long it is', () => {
    expect(isImageReference(`${'a-'.repeat(250)}!`)).toBe(false)
    expect(isImageReference(`${'a.'.repeat(250)}/!`)).toBe(false)
  })
})
