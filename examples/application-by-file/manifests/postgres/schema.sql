-- What a new stock begins with: two schemas.
CREATE SCHEMA goods;
CREATE SCHEMA sales;

CREATE TABLE goods.article (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name text NOT NULL,
  price numeric(10, 2) NOT NULL,
  attributes jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX article_name ON goods.article (name);
CREATE TABLE sales.reservation (
  article_id bigint NOT NULL REFERENCES goods.article,
  customer text NOT NULL,
  pieces int NOT NULL CHECK (pieces > 0),
  PRIMARY KEY (article_id, customer)
);
CREATE VIEW sales.scarce AS SELECT article_id, sum(pieces) AS pieces FROM sales.reservation GROUP BY article_id;

INSERT INTO goods.article (name, price, attributes)
SELECT 'Article ' || n, n % 900 + 0.99, jsonb_build_object('weight', n % 50, 'box', n % 3 = 0) FROM generate_series(1, 5000) n;
INSERT INTO sales.reservation (article_id, customer, pieces)
SELECT n % 5000 + 1, 'customer' || n, n % 9 + 1 FROM generate_series(1, 8000) n;

CREATE ROLE web LOGIN;
GRANT USAGE ON SCHEMA goods, sales TO web;
GRANT SELECT ON goods.article TO web;
GRANT SELECT, INSERT ON sales.reservation TO web;
