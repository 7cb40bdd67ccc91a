import { describe, expect, test } from 'vitest'
import { getBuild, toDefinition } from './definition.ts'
import { builtReference, getImage, imageKeys, imageName, type ImageKey } from './image-list.ts'

describe('the list of images', () => {
  test.each(imageKeys)('builds %s upon images of the list', (key) => {
    const build = getBuild(key)
    if ('from' in build) expect(imageKeys).toContain(build.from)
  })

  test.each(imageKeys)('never builds %s under a name that a registry could have', (key) => {
    expect(builtReference(key)).toMatch(/^gpulab\.invalid\//)
  })

  test('names stand-ins after what they stand in for', () => {
    expect(imageName('ubuntu')).toBe('ubuntu:22.04')
    expect(builtReference('ubuntu')).toBe('gpulab.invalid/standin/ubuntu:22.04')
  })

  test('says which images there are when asked for another', () => {
    expect(() => getImage('nonsense' as ImageKey)).toThrow(
      'There is no image "nonsense"; the list has busybox',
    )
  })
})

describe('the definition of an image', () => {
  test('is stable, and another one for each image', async () => {
    const definitions = await Promise.all(imageKeys.map(toDefinition))
    expect(new Set(definitions).size).toBe(imageKeys.length)
    expect(await toDefinition('postgres')).toBe(definitions[imageKeys.indexOf('postgres')])
  })
})
