{# The ledger and its accounts, in MySQL and PostgreSQL. A Jinja template, which sql_store.py reads. #}

-- section: put
INSERT INTO drillproof.ledger (n, k, v) VALUES (%(n)s, %(key)s, %(value)s)

-- section: update
UPDATE drillproof.ledger SET n = %(n)s, v = %(value)s WHERE k = %(key)s

-- section: delete
DELETE FROM drillproof.ledger WHERE k = %(key)s

-- section: take
UPDATE drillproof.{{ tables[0] }} SET balance = balance - %(amount)s WHERE id = %(source)s

-- section: give
UPDATE drillproof.{{ tables[1] }} SET balance = balance + %(amount)s WHERE id = %(target)s

-- section: rows
SELECT n, k, v FROM drillproof.ledger ORDER BY id

-- section: balances
{% for table in tables %}
SELECT '{{ table }}', id, balance FROM drillproof.{{ table }}{{ "" if loop.last else " UNION ALL" }}
{% endfor %}
