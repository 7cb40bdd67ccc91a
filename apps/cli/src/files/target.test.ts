import { describe, expect, it } from 'vitest'
import { parsePlace, toNamedPath } from './place.ts'
import { decideTarget, type FileType, type Target } from './target.ts'

describe('a place', () => {
  it.each([
    ['-', { kind: 'stream' }],
    ['box:/a', { kind: 'container', reference: 'box', path: '/a' }],
    ['box:a:b', { kind: 'container', reference: 'box', path: 'a:b' }],
    ['a', { kind: 'local', path: 'a' }],
    ['./a:b', { kind: 'local', path: './a:b' }],
    ['../a:b', { kind: 'local', path: '../a:b' }],
    ['/a:b', { kind: 'local', path: '/a:b' }],
    ['.', { kind: 'local', path: '.' }],
    ['box:-', { kind: 'container', reference: 'box', path: '-' }],
  ])('%s is understood as docker does', (text, place) => {
    expect(parsePlace(text)).toEqual(place)
  })

  it.each([':/a', 'box:', 'box:a\uFFFD'])('%s is refused', (text) => {
    expect(() => parsePlace(text)).toThrow(expect.objectContaining({ exitCode: 2 }))
  })
})

describe('a path', () => {
  it.each([
    ['a', '/a', false, false],
    ['/a/b/', '/a/b', true, false],
    ['/a/b//', '/a/b', true, false],
    ['/a/b/.', '/a/b', false, true],
    ['/a/b/./', '/a/b', true, true],
    ['.', '/', false, true],
    ['/', '/', true, true],
    ['/a/../b', '/b', false, false],
    ['/a/.b', '/a/.b', false, false],
  ])('%s is %s', (text, path, endsWithSlash, wantsContents) => {
    expect(toNamedPath(text, '/')).toEqual({ path, endsWithSlash, wantsContents })
  })
})

// The rows of docker's reference for `docker cp`, and what is around them.
const none = undefined
type Row = readonly [
  what: string,
  source: 'file' | 'link' | 'directory' | 'contents' | 'stream',
  target: string,
  facts: readonly [own: FileType | undefined, parent: FileType | undefined, inside?: FileType],
  result: Partial<Target> | number,
]
const rows: readonly Row[] = [
  ['a file to a missing name makes it', 'file', '/d/new', [none, 'directory'], { folder: '/d', name: 'new' }],
  ['a file to a missing name with a slash is an error', 'file', '/d/new/', [none, 'directory'], 3],
  ['a file to a missing name with /. is an error', 'file', '/d/new/.', [none, 'directory'], 3],
  [
    'a file to a file takes its place',
    'file',
    '/d/old',
    ['file', 'directory'],
    { folder: '/d', name: 'old' },
  ],
  ['a file to a file with a slash is an error', 'file', '/d/old/', ['file', 'directory'], 5],
  [
    'a file to a folder goes into it',
    'file',
    '/d',
    ['directory', 'directory'],
    { folder: '/d', name: 'src' },
  ],
  [
    'a file to a folder with a slash goes into it',
    'file',
    '/d/',
    ['directory', 'directory'],
    { folder: '/d', name: 'src' },
  ],
  [
    'a file to a folder takes the place of its file',
    'file',
    '/d',
    ['directory', 'directory', 'file'],
    { folder: '/d', name: 'src' },
  ],
  [
    'a file to a folder with a folder of its name is an error',
    'file',
    '/d',
    ['directory', 'directory', 'directory'],
    5,
  ],
  ['a file to a missing folder is an error', 'file', '/none/new', [none, none], 3],
  ['a file below a file is an error', 'file', '/f/new', [none, 'file'], 5],
  ['a file to a device is an error', 'file', '/dev/null', ['other', 'directory'], 5],
  ['a link is as a file', 'link', '/d', ['directory', 'directory'], { folder: '/d', name: 'src' }],
  [
    'a folder to a missing name becomes it',
    'directory',
    '/d/new',
    [none, 'directory'],
    { folder: '/d', name: 'new', isMerge: false },
  ],
  [
    'a folder to a missing name with a slash becomes it',
    'directory',
    '/d/new/',
    [none, 'directory'],
    { folder: '/d', name: 'new' },
  ],
  [
    'what is in a folder, to a missing name, becomes it',
    'contents',
    '/d/new',
    [none, 'directory'],
    { folder: '/d', name: 'new' },
  ],
  ['a folder to a file is an error', 'directory', '/d/old', ['file', 'directory'], 5],
  [
    'a folder to a folder goes into it',
    'directory',
    '/d',
    ['directory', 'directory'],
    { folder: '/d', name: 'src', isMerge: false },
  ],
  [
    'a folder to a folder with one of its name goes into that',
    'directory',
    '/d',
    ['directory', 'directory', 'directory'],
    { folder: '/d/src', name: none, isMerge: true },
  ],
  [
    'a folder to a folder with a file of its name is an error',
    'directory',
    '/d',
    ['directory', 'directory', 'file'],
    5,
  ],
  [
    'what is in a folder goes into a folder',
    'contents',
    '/d',
    ['directory', 'directory', 'directory'],
    { folder: '/d', name: none, isMerge: true },
  ],
  ['a folder to a missing folder is an error', 'directory', '/none/new', [none, none], 3],
  [
    'an archive goes into a folder',
    'stream',
    '/d',
    ['directory', 'directory'],
    { folder: '/d', name: none, isMerge: true },
  ],
  ['an archive to a missing name is an error', 'stream', '/d/new', [none, 'directory'], 3],
  ['an archive to a file is an error', 'stream', '/d/old', ['file', 'directory'], 5],
]
const made: readonly Row[] = [
  [
    'a file to a missing folder makes it',
    'file',
    '/none/new',
    [none, none],
    { folder: '/none', name: 'new', makes: '/none' },
  ],
  [
    'a file to a missing name with a slash makes the folder',
    'file',
    '/none/new/',
    [none, none],
    { folder: '/none/new', name: 'src', makes: '/none/new' },
  ],
  [
    'a folder to a missing folder makes its parent',
    'directory',
    '/none/new/',
    [none, none],
    { folder: '/none', name: 'new', makes: '/none' },
  ],
  [
    'an archive makes its folder',
    'stream',
    '/none/new',
    [none, none],
    { folder: '/none/new', name: none, makes: '/none/new', isMerge: true },
  ],
  ['a file below a file is an error still', 'file', '/f/new', [none, 'file'], 5],
  ['what is there is not made', 'file', '/d/new', [none, 'directory'], { makes: none }],
]

const decide = ([, kind, target, [own, parent, inside]]: Row, parents: boolean): Target =>
  decideTarget({
    source: {
      type: kind === 'contents' ? 'directory' : kind,
      name: 'src',
      wantsContents: kind === 'contents',
    },
    target: toNamedPath(target, '/'),
    facts: { own, parent, inside },
    parents,
  })

describe.each([
  ['without -p', rows, false],
  ['with -p', made, true],
] as const)('%s', (_what, table, parents) => {
  it.each(table)('%s', (...row) => {
    const [, , , , result] = row
    if (typeof result !== 'number') expect(decide(row, parents)).toMatchObject(result)
    else expect(() => decide(row, parents)).toThrow(expect.objectContaining({ exitCode: result }))
  })
})
