import { committedPattern, type CommittedImage, toCommittedImages } from '../containers/committed-images.ts'
import { type ObservedContainer, toObserved } from '../containers/labels.ts'
import type { Engine } from '../docker/connect.ts'
import { listContainers } from '../docker/containers.ts'
import { EngineError } from '../docker/errors.ts'
import { listImages } from '../docker/images.ts'
import type { TeamNetwork, TeamNetworks } from '../network/team-networks.ts'
import type { Found } from './find-orphans.ts'

interface SurveyDeps {
  readonly engine: Engine
  readonly networks: TeamNetworks
  /** Of this agent's networks; another agent on the same engine has another one. */
  readonly bridgePrefix: string
  readonly hostUuid: string
}

export interface Survey {
  readonly found: readonly Found[]
  /** By reference. */
  readonly images: ReadonlyMap<string, CommittedImage>
}

/** All that this agent has made and the engine still has. Whole, or rejected. */
export async function survey({ engine, networks, bridgePrefix, hostUuid }: SurveyDeps): Promise<Survey> {
  const isOnOurs = ({ network }: { network: string }): boolean => network.startsWith(`${bridgePrefix}-`)
  const listed = await listContainers(engine)
  const stuck = listed.find(({ isStuck }) => isStuck)
  if (stuck) throw new EngineError(`there is no answer about ${stuck.name}.`, undefined, undefined)
  const containers = listed
    .map(toObserved)
    .filter((container) => container !== undefined)
    .filter(isOnOurs)
  const images = (await listImages(engine, committedPattern())).flatMap(toCommittedImages).filter(isOnOurs)
  const madeHere = <T extends { host: string | undefined }>(each: T): T & { isOurs: boolean } => ({
    ...each,
    isOurs: each.host === hostUuid,
  })
  const found = [...containers.map(madeHere).map(fromContainer), ...images.map(madeHere).map(fromImage)]
  return {
    found: [...found, ...(await networks.list()).map(fromNetwork)],
    images: new Map(images.map((image) => [image.reference, image])),
  }
}

type Made<T> = T & Pick<Found, 'isOurs'>

const fromContainer = ({ id, name, uuid, createdAt, isOurs }: Made<ObservedContainer>): Found => ({
  kind: 'container',
  ref: id,
  name,
  owner: uuid,
  createdAt,
  isOurs,
})
const fromImage = ({ reference, uuid, createdAt, isOurs }: Made<CommittedImage>): Found => ({
  kind: 'image',
  ref: reference,
  name: reference,
  owner: uuid,
  createdAt,
  isOurs,
})
/** It holds nothing, and is made anew for whoever needs it. */
const fromNetwork = ({ id, name, team, createdAt }: TeamNetwork): Found => ({
  kind: 'network',
  ref: id,
  name,
  owner: team,
  createdAt,
  isOurs: true,
})
