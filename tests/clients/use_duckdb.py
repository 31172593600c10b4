"""DuckDB with its httpfs extension: SQL over Parquet and CSV in a bucket."""

import importlib.resources
import os
import pathlib

import duckdb

from common import ACCESS_KEY, BUCKET, CA, HOST, OTHER_CA, REGION, SECRET_KEY, UNTRUSTED
from common import agree, done, fails, same


def connect(ca):
    connection = duckdb.connect(config={"autoinstall_known_extensions": False, "autoload_known_extensions": False})
    # Packaged for this very version, so nothing is fetched from the network.
    folder = importlib.resources.files("duckdb_extension_httpfs") / "extensions" / f"v{duckdb.__version__}"
    connection.load_extension(str(folder / "httpfs.duckdb_extension"))
    connection.execute("SET ca_cert_file = $1", [ca])
    connection.execute("SET enable_server_cert_verification = true")
    connection.execute("SET http_retries = 0")
    connection.execute("SET s3_uploader_max_filesize = '50GB'")  # parts of the least size, 5 MiB
    connection.execute(
        f"CREATE SECRET (TYPE s3, KEY_ID '{ACCESS_KEY}', SECRET '{SECRET_KEY}', REGION '{REGION}', "
        f"ENDPOINT '{HOST}', URL_STYLE 'path', USE_SSL true)"
    )
    return connection


def rows(query, *values):
    return db.execute(query, values or None).fetchall()


def url(key):
    return f"s3://{BUCKET}/{key}"


fails("another authority", lambda: connect(OTHER_CA).execute(f"FROM glob('{url('*')}')"), *UNTRUSTED)
db = connect(CA)
# Random numbers do not compress: about 24 MB of Parquet, written in parts.
db.execute("CREATE TABLE numbers AS SELECT i, hash(i) AS h, 'ü ' || i AS t FROM range(1500000) r(i)")
options = "FORMAT parquet, ROW_GROUP_SIZE 100000, COMPRESSION uncompressed"
db.execute(f"COPY numbers TO '{url('tables/big.parquet')}' ({options})")
# The same to a file beside it, which the test compares with the object.
db.execute(f"COPY numbers TO '{os.environ['FILE']}' ({options})")
[(content,)] = rows(f"SELECT content FROM read_blob('{url('tables/big.parquet')}')")
same("bytes", content, pathlib.Path(os.environ["FILE"]).read_bytes())
checksum = "SELECT count(*), sum(i), bit_xor(h), min(t), max(t), bit_xor(hash(t)) FROM "
agree("whole", rows(f"{checksum} read_parquet('{url('tables/big.parquet')}')"), rows(f"{checksum} numbers"))
# The footer, then one column of one row group: ranged reads.
one = rows(f"SELECT h, t FROM '{url('tables/big.parquet')}' WHERE i = 1234567")
agree("one row", one, rows("SELECT h, t FROM numbers WHERE i = 1234567"))
db.execute("CREATE TABLE days AS SELECT i, i % 5 AS day FROM range(1000) r(i)")
db.execute(f"COPY days TO '{url('days ü 1')}' (FORMAT parquet, PARTITION_BY (day))")
by_day = "SELECT day, count(*), sum(i) FROM {} GROUP BY day ORDER BY day"
partitions = f"read_parquet('{url('days ü 1/*/*.parquet')}', hive_partitioning = true)"
agree("partitions", rows(by_day.format(partitions)), rows(by_day.format("days")))
agree("empty", rows(f"SELECT size FROM read_blob('{url('tables/empty')}')"), [(0,)])
odd = "odd & (1) +%25 =~ '日本.csv"
db.execute(f"COPY days TO '{url(odd).replace(chr(39), chr(39) * 2)}' (FORMAT csv)")
agree("odd key", rows("SELECT count(*), sum(i) FROM read_csv($1)", url(odd)), [(1000, 499500)])
names = sorted(name for (name,) in rows(f"SELECT file FROM glob('{url('tables/*')}')"))
agree("listing", names, [url("tables/big.parquet"), url("tables/empty")])
fails("missing", lambda: rows(f"FROM '{url('none.parquet')}'"), "404", "No files found", "not found")
done()
