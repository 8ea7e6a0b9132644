"""Hold the settings to their order: option, environment, file, default; and nothing unknown."""

from pathlib import Path

import pytest

from cambist.config import BadSettings, Settings, load

SECRET = "hunter2-hunter2"


def write(folder: Path, text: str, name: str = "cambist.toml") -> Path:
    path = folder / name
    path.write_text(text, "utf-8")
    return path


def test_nothing_set_is_every_default(tmp_path: Path) -> None:
    loaded = load({"PATH": "/bin", "HOME": "/"}, tmp_path, {})
    assert (loaded.settings, loaded.warnings) == (Settings(), ())


def test_an_option_beats_the_environment_beats_the_file_beats_the_default(tmp_path: Path) -> None:
    write(tmp_path, 'port = 1\npaper_seed = 1\nlog_level = "error"\n')
    env = {"CAMBIST_PORT": "2", "CAMBIST_PAPER_SEED": "2"}
    settings = load(env, tmp_path, {"port": 3}).settings
    assert (settings.port, settings.paper_seed, settings.log_level) == (3, 2, "error")
    assert settings.host == Settings().host


def test_another_file_may_be_named_and_must_then_be_there(tmp_path: Path) -> None:
    path = write(tmp_path, "port = 7\n", "other.toml")
    assert load({"CAMBIST_CONFIG": str(path)}, tmp_path, {}).settings.port == 7
    with pytest.raises(BadSettings, match=r"none\.toml cannot be read"):
        load({"CAMBIST_CONFIG": str(tmp_path / "none.toml")}, tmp_path, {})


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("PORT", "port"),
        ("WORKER_CONCURRENCY", "worker_concurrency"),
        ("MAX_CONCURRENT_ORDERS", "worker_concurrency"),
        ("MAX_RETRIES", "max_retries"),
        ("MAX_RETRY_ATTEMPTS", "max_retries"),
        ("ORDERS_PER_MINUTE", "orders_per_minute"),
    ],
)
def test_names_of_older_clients_are_read_and_ours_beat_them(
    tmp_path: Path, name: str, key: str
) -> None:
    alone = load({name: "7"}, tmp_path, {})
    assert (getattr(alone.settings, key), alone.warnings) == (7, ())
    both = load({name: "7", f"CAMBIST_{key.upper()}": "5"}, tmp_path, {})
    assert getattr(both.settings, key) == 5
    assert both.warnings == (f"{name}=7 is not used: {key} is 5 already",)
    alike = load({name: "5", f"CAMBIST_{key.upper()}": "5"}, tmp_path, {})
    assert alike.warnings == ()


def test_lists_are_split_at_commas_and_blanks_are_nothing(tmp_path: Path) -> None:
    env = {"CAMBIST_ALLOWED_HOSTS": "engine, other,", "CAMBIST_ALLOWED_ORIGINS": " "}
    settings = load(env, tmp_path, {}).settings
    assert settings.allowed_hosts == ("engine", "other")
    assert settings.allowed_origins == ()
    write(tmp_path, 'allowed_hosts = ["a", "b"]\n')
    assert load({}, tmp_path, {}).settings.allowed_hosts == ("a", "b")


def test_an_empty_value_is_no_value(tmp_path: Path) -> None:
    write(tmp_path, "port = 7\n")
    assert load({"CAMBIST_PORT": "", "CAMBIST_HOME": ""}, tmp_path, {}).settings.port == 7


def test_where_clients_look_is_no_setting_and_no_mistake(tmp_path: Path) -> None:
    assert load({"CAMBIST_URL": "http://x"}, tmp_path, {}).settings == Settings()


def test_an_unknown_name_stops_the_start_with_a_hint(tmp_path: Path) -> None:
    with pytest.raises(BadSettings, match=r"CAMBIST_PROT is no setting.*did you mean port\?"):
        load({"CAMBIST_PROT": "1"}, tmp_path, {})
    write(tmp_path, "worker_concurency = 1\n")
    with pytest.raises(BadSettings, match=r"in cambist\.toml.*worker_concurrency"):
        load({}, tmp_path, {})


@pytest.mark.parametrize(
    ("env", "url"),
    [
        ({"REDIS_URL": "redis://r"}, "redis://r"),
        ({"CAMBIST_REDIS_URL": "rediss://me:x@r:1/2"}, "rediss://me:x@r:1/2"),
        ({"REDIS_URL": "unix:///run/redis.sock?db=1"}, "unix:///run/redis.sock?db=1"),
        ({"REDIS_HOST": "r"}, "redis://r:6379/0"),
        ({"REDIS_HOST": "::1", "REDIS_PORT": "7"}, "redis://[::1]:7/0"),
        ({"REDIS_HOST": "r", "REDIS_PASSWORD": "a/b@c"}, "redis://:a%2Fb%40c@r:6379/0"),
        ({"REDIS_URL": "redis://r", "REDIS_HOST": "other"}, "redis://r"),
    ],
)
def test_a_redis_is_named_by_address_or_in_parts(
    tmp_path: Path, env: dict[str, str], url: str
) -> None:
    assert load(env, tmp_path, {}).settings.redis_url == url


@pytest.mark.parametrize(
    "url",
    [f"postgres://me:{SECRET}@r", f"redis://:{SECRET}@r:x", "redis://", "unix://x", "redis://r:0"],
)
def test_what_is_no_address_of_a_redis_is_not_ignored_nor_shown(tmp_path: Path, url: str) -> None:
    with pytest.raises(BadSettings, match=r"^REDIS_URL: ") as told:
        load({"REDIS_URL": url}, tmp_path, {})
    assert SECRET not in str(told.value)


def test_of_two_redis_addresses_neither_is_shown(tmp_path: Path) -> None:
    env = {"CAMBIST_REDIS_URL": f"redis://:{SECRET}@r", "REDIS_URL": f"redis://:{SECRET}@other"}
    (warning,) = load(env, tmp_path, {}).warnings
    assert SECRET not in warning


@pytest.mark.parametrize(
    ("env", "url"),
    [
        ({"DATABASE_URL": "postgres://me@db/x"}, "postgres://me@db/x"),
        ({"CAMBIST_DATABASE_URL": "postgresql+asyncpg://db/x"}, "postgresql+asyncpg://db/x"),
        ({"POSTGRES_HOST": "db"}, "postgresql://postgres@db:5432/postgres"),
        (
            {"POSTGRES_HOST": "db", "POSTGRES_PORT": "6000", "POSTGRES_USER": "a:b",
             "POSTGRES_PASSWORD": "p/@?", "POSTGRES_DB": "swaps"},
            "postgresql://a%3Ab:p%2F%40%3F@db:6000/swaps",
        ),
        ({"POSTGRES_PASSWORD": "alone"}, None),
    ],
)  # fmt: skip
def test_a_shared_database_is_named_whole_or_in_parts(
    tmp_path: Path, env: dict[str, str], url: str | None
) -> None:
    assert load(env, tmp_path, {}).settings.database_url == url


def test_a_database_that_is_not_used_is_told_without_its_password(tmp_path: Path) -> None:
    ours = f"postgresql://me:{SECRET}@db/x"
    env = {"CAMBIST_DATABASE_URL": ours, "DATABASE_URL": f"{ours}y", "POSTGRES_HOST": "db"}
    loaded = load(env, tmp_path, {})
    assert loaded.settings.database_url == ours
    assert [warning.split()[0] for warning in loaded.warnings] == ["DATABASE_URL", "POSTGRES_HOST"]
    assert SECRET not in str(loaded.warnings)


@pytest.mark.parametrize("url", ["mysql://db/x", SECRET, "postgresql:/db"])
def test_an_address_of_no_postgres_is_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(BadSettings, match=r"it takes postgresql://") as told:
        load({"DATABASE_URL": url}, tmp_path, {})
    assert SECRET not in str(told.value)


@pytest.mark.parametrize(
    ("env", "sentence"),
    [
        ({"CAMBIST_PORT": SECRET}, "CAMBIST_PORT: it takes a whole number from 0 to 65535"),
        ({"PORT": "65536"}, "PORT: it takes a whole number from 0 to 65535"),
        (
            {"CAMBIST_ADDRESS_CONNECTIONS_MAX": "0"},
            "CAMBIST_ADDRESS_CONNECTIONS_MAX: it takes a whole number from 1 to 100000",
        ),
        (
            {"CAMBIST_MAY_LOSE_ACKNOWLEDGED_ORDERS": "perhaps"},
            "CAMBIST_MAY_LOSE_ACKNOWLEDGED_ORDERS: it takes true or false",
        ),
        ({"CAMBIST_MODE": SECRET}, "CAMBIST_MODE: it takes paper"),
        (
            {"CAMBIST_PAPER_PROFILE": SECRET},
            "CAMBIST_PAPER_PROFILE: it takes realistic or instant",
        ),
    ],
)
def test_a_bad_value_is_named_by_its_setting_and_not_repeated(
    tmp_path: Path, env: dict[str, str], sentence: str
) -> None:
    with pytest.raises(BadSettings) as told:
        load(env, tmp_path, {})
    assert str(told.value) == sentence


@pytest.mark.parametrize(
    "text",
    [
        f"port = {SECRET}\n",
        f'port = "{SECRET}"\n',
        f'log_level = "{SECRET}"\n',
        f'allowed_hosts = [["{SECRET}"]]\n',
        f"[port]\n{SECRET} = 1\n",
    ],
)
def test_no_value_of_a_file_is_ever_told(tmp_path: Path, text: str) -> None:
    write(tmp_path, text)
    with pytest.raises(BadSettings) as told:
        load({}, tmp_path, {})
    assert SECRET not in str(told.value)


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "cambist.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(BadSettings, match="cannot be read"):
        load({}, tmp_path, {})


@pytest.mark.parametrize(
    ("env", "told"),
    [
        ({"PORT": "x"}, "PORT: "),
        ({"MAX_RETRIES": "0"}, "MAX_RETRIES: "),
        ({"MAX_CONCURRENT_ORDERS": "0"}, "MAX_CONCURRENT_ORDERS: "),
        ({"REDIS_HOST": "r", "REDIS_PORT": "x"}, "REDIS_PORT: "),
        ({"REDIS_HOST": "a b"}, "REDIS_HOST: "),
        ({"POSTGRES_HOST": "db", "POSTGRES_PORT": "70000"}, "POSTGRES_PORT: "),
        ({"POSTGRES_HOST": "db:5432"}, "POSTGRES_HOST: "),
        ({"DATABASE_URL": f"postgresql://u:p/{SECRET}@db/x"}, "DATABASE_URL: "),
        ({"DATABASE_URL": f"postgresql://u:p@{SECRET}@db/x"}, "DATABASE_URL: "),
        ({"CAMBIST_DATABASE_URL": "postgresql://u@::1:5432/x"}, "CAMBIST_DATABASE_URL: "),
        ({"CAMBIST_HOST": "[::1"}, "CAMBIST_HOST: "),
        ({"CAMBIST_HOST": "1.2.3.4:80"}, "CAMBIST_HOST: "),
        ({"CAMBIST_PAPER_CHAIN": "h:0"}, "CAMBIST_PAPER_CHAIN: "),
        ({"CAMBIST_TRUSTED_PROXIES": "10.0.0.0/99"}, "CAMBIST_TRUSTED_PROXIES: "),
    ],
)
def test_a_bad_value_is_told_under_the_name_its_user_wrote(
    tmp_path: Path, env: dict[str, str], told: str
) -> None:
    with pytest.raises(BadSettings) as refused:
        load(env, tmp_path, {})
    assert str(refused.value).startswith(told)
    assert SECRET not in str(refused.value)


def test_a_bad_value_of_a_file_or_an_option_is_told_as_such(tmp_path: Path) -> None:
    with pytest.raises(BadSettings, match=r"^--profile: it takes realistic or instant$"):
        load({}, tmp_path, {"paper_profile": "x"})
    write(tmp_path, "port = 70000\n")
    with pytest.raises(BadSettings, match=r"^port in cambist\.toml: it takes a whole number"):
        load({}, tmp_path, {})


def test_an_address_to_listen_on_may_stand_in_brackets(tmp_path: Path) -> None:
    assert load({"CAMBIST_HOST": "[::1]"}, tmp_path, {}).settings.host == "::1"
