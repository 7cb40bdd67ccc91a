ALTER TABLE "hosts" ADD COLUMN "connects" bigint DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "hosts" ADD COLUMN "boot_connect" bigint DEFAULT 0 NOT NULL;