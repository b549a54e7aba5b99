-- Currencies by ISO 4217, and how much of each is worth a euro: the fixed rates that reports are made with.
CREATE TABLE IF NOT EXISTS currencies (
    code text PRIMARY KEY CHECK (code ~ '^[A-Z]{3}$'),
    name text NOT NULL,
    per_euro numeric(12, 4) NOT NULL CHECK (per_euro > 0)
);
TRUNCATE currencies;
INSERT INTO currencies (code, name, per_euro) VALUES
    ('AUD', 'Australian dollar', 1.6500),
    ('BRL', 'Brazilian real', 5.9000),
    ('CAD', 'Canadian dollar', 1.4800),
    ('CHF', 'Swiss franc', 0.9500),
    ('CNY', 'Chinese yuan', 7.8000),
    ('CZK', 'Czech koruna', 25.1000),
    ('DKK', 'Danish krone', 7.4600),
    ('EUR', 'Euro', 1.0000),
    ('GBP', 'Pound sterling', 0.8600),
    ('INR', 'Indian rupee', 90.5000),
    ('JPY', 'Yen', 163.0000),
    ('KRW', 'Won', 1470.0000),
    ('MXN', 'Mexican peso', 20.2000),
    ('NOK', 'Norwegian krone', 11.6000),
    ('PLN', 'Zloty', 4.3000),
    ('SEK', 'Swedish krona', 11.3000),
    ('SGD', 'Singapore dollar', 1.4400),
    ('USD', 'US dollar', 1.0800);
