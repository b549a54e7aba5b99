-- What a region is meant to earn in an hour.
CREATE TABLE IF NOT EXISTS targets (
    region text PRIMARY KEY,
    euro_per_hour numeric(14, 2) NOT NULL CHECK (euro_per_hour >= 0)
);
TRUNCATE targets;
INSERT INTO targets (region, euro_per_hour) VALUES
    ('americas', 500000),
    ('asia-pacific', 50000),
    ('central', 1500000),
    ('north', 150000),
    ('south', 600000),
    ('west', 1300000);
