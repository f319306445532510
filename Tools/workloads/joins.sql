-- Joins, indexes, aggregates and updates over several 100,000 rows, in memory. Deterministic: every value is computed
-- from its row number, every result is ordered.
.mode list
create table person (id integer primary key, name text, town integer, born integer);
create table town (id integer primary key, name text, height integer);
create table visit (id integer primary key, person integer, town integer, day integer, cost real);

with recursive n(i) as (select 1 union all select i + 1 from n where i < 500)
insert into town select i, 'town-' || (i * 7919 % 501), i * 37 % 2500 from n;

with recursive n(i) as (select 1 union all select i + 1 from n where i < 30000)
insert into person select i, 'p' || (i * 48271 % 30011), i * 31 % 500 + 1, 1920 + i * 17 % 100 from n;

with recursive n(i) as (select 1 union all select i + 1 from n where i < 120000)
insert into visit select i, i * 7 % 30000 + 1, i * 13 % 500 + 1, i * 11 % 3650, (i * 29 % 1000) / 8.0 from n;

create index visit_person on visit (person, day);
create index visit_town on visit (town);
create index person_name on person (name);

select 'rows', (select count(*) from person), (select count(*) from visit), (select count(*) from town);

select t.name, count(*), sum(v.cost), max(p.born)
from visit v join person p on p.id = v.person join town t on t.id = v.town
where t.height > 1200 and p.born between 1950 and 1990
group by t.id order by count(*) desc, t.name limit 10;

select p.name, count(distinct v.town), min(v.day), max(v.day)
from person p join visit v on v.person = p.id
where p.name between 'p1' and 'p2' group by p.id order by 2 desc, p.name limit 10;

update visit set cost = cost * 1.25 where town in (select id from town where height < 100);
delete from visit where day % 10 = 3;

select home.name, away.name, count(*)
from visit v join person p on p.id = v.person
join town home on home.id = p.town join town away on away.id = v.town
where home.height > away.height + 2000 group by 1, 2 order by 3 desc, 1, 2 limit 10;

select substr(name, 1, 3) as prefix, count(*), printf('%.3f', avg(born))
from person group by prefix order by prefix limit 10;
select 'checksum', sum(id * 31 + person * 7 + town) % 1000003, printf('%.3f', sum(cost)) from visit;
