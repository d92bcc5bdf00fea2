\set lines random(2, 3)
\set a CASE WHEN :hot > 0 THEN 1 ELSE random(1, :products) END
\set b (:a + random(1, 300) - 1) % :products + 1
\set c (:a + 300 + random(1, 300) - 1) % :products + 1
\set qa random(1, 3)
\set qb random(1, 3)
\set qc random(1, 3)
SELECT bench_buy((ARRAY[:a::bigint, :b::bigint, :c::bigint])[1:(:lines::int)],
                 (ARRAY[:qa::bigint, :qb::bigint, :qc::bigint])[1:(:lines::int)]);
