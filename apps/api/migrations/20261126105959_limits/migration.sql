CREATE TABLE "quotas" (
	"team_uuid" uuid PRIMARY KEY,
	"gpus" integer,
	"containers" integer,
	"volumes" integer,
	"volume_bytes" bigint,
	"sessions" integer
);
--> statement-breakpoint
CREATE UNLOGGED TABLE "rate_buckets" (
	"id" text PRIMARY KEY,
	"full_at" double precision NOT NULL,
	"granted" integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE "session_claims" (
	"id" uuid PRIMARY KEY,
	"team_uuid" uuid NOT NULL,
	"container_uuid" uuid NOT NULL,
	"claimed_at" timestamp(3) with time zone NOT NULL
);
--> statement-breakpoint
CREATE INDEX "rate_buckets_by_time" ON "rate_buckets" ("full_at");--> statement-breakpoint
CREATE INDEX "session_claims_by_team" ON "session_claims" ("team_uuid");--> statement-breakpoint
ALTER TABLE "quotas" ADD CONSTRAINT "quotas_team_uuid_teams_uuid_fkey" FOREIGN KEY ("team_uuid") REFERENCES "teams"("uuid");