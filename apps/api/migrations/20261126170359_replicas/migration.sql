CREATE TABLE "replicas" (
	"uplink_url" text PRIMARY KEY,
	"seen_at" timestamp(3) with time zone NOT NULL
);
