-- What a new shop begins with.
CREATE DATABASE shop CHARACTER SET utf8mb4;
USE shop;

CREATE TABLE customer (
  id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  name VARCHAR(100) NOT NULL,
  email VARCHAR(100) NOT NULL,
  UNIQUE KEY customer_email (email)
);
CREATE TABLE purchase (
  id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  customer_id BIGINT NOT NULL,
  total DECIMAL(10, 2) NOT NULL,
  placed_at DATETIME NOT NULL,
  KEY purchase_placed_at (placed_at),
  CONSTRAINT purchase_customer FOREIGN KEY (customer_id) REFERENCES customer (id)
);
CREATE VIEW spender AS SELECT customer_id, SUM(total) AS spent FROM purchase GROUP BY customer_id;

SET SESSION cte_max_recursion_depth = 20000;
INSERT INTO customer (name, email)
WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 2000)
SELECT CONCAT('Customer ', n), CONCAT('customer', n, '@example.org') FROM n;
INSERT INTO purchase (customer_id, total, placed_at)
WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 10000)
SELECT 1 + n * 7 % 2000, 1 + n * 13 % 9000 / 100, TIMESTAMPADD(MINUTE, n, '2026-01-01') FROM n;

CREATE USER web@'%' IDENTIFIED WITH caching_sha2_password BY RANDOM PASSWORD;
GRANT SELECT, INSERT, UPDATE ON shop.* TO web@'%';
