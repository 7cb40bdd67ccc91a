ALTER TABLE "templates" DROP CONSTRAINT "templates_name_key";--> statement-breakpoint
ALTER TABLE "templates" ADD COLUMN "team_uuid" uuid;--> statement-breakpoint
ALTER TABLE "templates" ADD COLUMN "env" jsonb DEFAULT '{}' NOT NULL;--> statement-breakpoint
ALTER TABLE "templates" ADD COLUMN "disk_bytes" bigint DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "templates" ADD COLUMN "min_gpu_memory_bytes" bigint;--> statement-breakpoint
ALTER TABLE "templates" ADD COLUMN "changed_at" timestamp(3) with time zone;--> statement-breakpoint
ALTER TABLE "templates" ADD COLUMN "deleted_at" timestamp(3) with time zone;--> statement-breakpoint
CREATE UNIQUE INDEX "templates_shared_name" ON "templates" ("name") WHERE team_uuid is null;--> statement-breakpoint
CREATE UNIQUE INDEX "templates_own_name" ON "templates" ("team_uuid","name") WHERE deleted_at is null;--> statement-breakpoint
ALTER TABLE "templates" ADD CONSTRAINT "templates_team_uuid_teams_uuid_fkey" FOREIGN KEY ("team_uuid") REFERENCES "teams"("uuid");