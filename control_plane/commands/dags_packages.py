"""Which package brings a module that a DAG file misses. Pure; what is not known is not guessed."""

from __future__ import annotations

_PROVIDERS = "airflow.providers."
_FAMILIES = frozenset({"apache", "atlassian", "cncf", "common", "dbt", "microsoft"})
"""Providers whose name has two parts: airflow.providers.apache.spark is apache-airflow-providers-apache-spark."""

_OTHER_NAMES = {
    "Crypto": "pycryptodome",
    "MySQLdb": "mysqlclient",
    "OpenSSL": "pyOpenSSL",
    "PIL": "pillow",
    "attr": "attrs",
    "bs4": "beautifulsoup4",
    "cosmos": "astronomer-cosmos",
    "cv2": "opencv-python-headless",
    "dateutil": "python-dateutil",
    "docx": "python-docx",
    "dotenv": "python-dotenv",
    "fitz": "pymupdf",
    "git": "gitpython",
    "google.cloud.bigquery": "google-cloud-bigquery",
    "google.cloud.pubsub": "google-cloud-pubsub",
    "google.cloud.secretmanager": "google-cloud-secret-manager",
    "google.cloud.storage": "google-cloud-storage",
    "googleapiclient": "google-api-python-client",
    "jose": "python-jose",
    "jwt": "pyjwt",
    "kafka": "kafka-python",
    "ldap": "python-ldap",
    "magic": "python-magic",
    "mysql": "mysql-connector-python",
    "pkg_resources": "setuptools",
    "psycopg2": "psycopg2-binary",
    "serial": "pyserial",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "slugify": "python-slugify",
    "snowflake": "snowflake-connector-python",
    "telegram": "python-telegram-bot",
    "websocket": "websocket-client",
    "yaml": "pyyaml",
    "zmq": "pyzmq",
}

_SAME_NAMES = """
    aiohttp anthropic bcrypt black boto3 botocore celery cloudpickle confluent_kafka croniter dask dbt deltalake
    docker duckdb elasticsearch faker fastapi fastavro feedparser flask fsspec future gcsfs geopandas great_expectations
    gspread h5py hdfs httpx humanize ijson influxdb jinja2 joblib jsonschema kubernetes langchain lightgbm lxml
    marshmallow matplotlib minio mlflow more_itertools nltk numpy openai opensearchpy openpyxl oracledb orjson packaging
    pandas papermill paramiko pendulum pexpect plotly polars praw prometheus_client psutil psycopg pyarrow pydantic
    pyhive pymongo pymssql pymysql pyodbc pysftp pyspark pytest pytz rapidfuzz redis regex requests requests_oauthlib
    rich s3fs scipy scrapy seaborn selenium sentence_transformers shapely simplejson six soda spacy sqlalchemy
    sqlfluff sqlparse statsmodels stripe structlog tabulate tenacity tensorflow toml torch tqdm transformers tweepy
    typing_extensions tzlocal ujson urllib3 xgboost xlrd xlsxwriter xmltodict yfinance
"""


def find_package(module: str) -> str | None:
    """The name to write into requirements.txt, or None."""
    if module.startswith(_PROVIDERS):
        return _find_provider(module.removeprefix(_PROVIDERS).split("."))
    parts = module.split(".")
    for length in range(len(parts), 0, -1):
        found = _OTHER_NAMES.get(".".join(parts[:length]))
        if found is not None:
            return found
    return parts[0].replace("_", "-") if parts[0].lower() in _SAME_NAMES.split() else None


def _find_provider(parts: list[str]) -> str | None:
    length = 2 if parts[0] in _FAMILIES else 1
    if len(parts) < length or parts[0] == "standard":
        return None
    return "-".join(["apache-airflow-providers", *parts[:length]])
