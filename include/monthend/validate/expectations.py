"""Expectations of our own, which a suite names by `type`. Importing this module makes Great Expectations know them."""

from typing import Any, ClassVar, Literal

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from great_expectations.execution_engine.pandas_execution_engine import PandasExecutionEngine
from great_expectations.expectations.core.unexpected_rows_expectation import UnexpectedRowsExpectation
from great_expectations.expectations.expectation import (
    ColumnMapExpectation,
    ColumnPairMapExpectation,
    MulticolumnMapExpectation,
)
from great_expectations.expectations.metrics.map_metric_provider.column_condition_partial import (
    column_condition_partial,
)
from great_expectations.expectations.metrics.map_metric_provider.column_map_metric_provider import (
    ColumnMapMetricProvider,
)
from great_expectations.expectations.metrics.map_metric_provider.column_pair_condition_partial import (
    column_pair_condition_partial,
)
from great_expectations.expectations.metrics.map_metric_provider.column_pair_map_metric_provider import (
    ColumnPairMapMetricProvider,
)
from great_expectations.expectations.metrics.map_metric_provider.multicolumn_condition_partial import (
    multicolumn_condition_partial,
)
from great_expectations.expectations.metrics.map_metric_provider.multicolumn_map_metric_provider import (
    MulticolumnMapMetricProvider,
)

# What a computer puts where it knows no date: the days from which Excel, SQL Server and Unix count
DEFAULTS = pd.to_datetime(["1899-12-30", "1899-12-31", "1900-01-01", "1970-01-01"])


class _Dates(ColumnMapMetricProvider):
    condition_metric_name = "column_values.dates"
    condition_value_keys = ("fmt", "min_date")

    @column_condition_partial(engine=PandasExecutionEngine)
    def _pandas(cls, column: "pd.Series[Any]", fmt: str, min_date: str, **_: Any) -> "pd.Series[bool]":
        values = column.astype("category").cat  # each text is parsed once
        texts = values.categories
        days = pd.to_datetime(texts, format=fmt, errors="coerce")
        good = (days >= pd.Timestamp(min_date)) & ~days.normalize().isin(DEFAULTS)
        # the parser takes 2017-6-1, and other alphabets' digits
        written = pa.array(texts, pa.string())
        good &= pc.string_is_ascii(written)
        good &= pc.equal(pc.binary_length(written), len(pd.Timestamp(0).strftime(fmt)))
        return pd.Series(good[values.codes], index=column.index)


class ExpectColumnDates(ColumnMapExpectation):
    """Values are days that there were, written exactly as `fmt`, from `min_date` on, and no computer's default.

    `fmt` is an ISO 8601 form in the notation of strptime: `%Y-%m-%d` for a date, `%Y-%m-%dT%H:%M:%S` for a timestamp.
    `min_date` is YYYY-MM-DD. A missing value passes.
    """

    fmt: str = "%Y-%m-%d"
    min_date: str = "1900-01-02"
    map_metric = "column_values.dates"
    success_keys = ("fmt", "min_date", "mostly")
    args_keys = ("column", "fmt", "min_date")


class _DatesInOrder(ColumnPairMapMetricProvider):
    condition_metric_name = "column_pair_values.dates_in_order"
    condition_domain_keys = (
        "batch_id", "table", "column_A", "column_B", "row_condition", "condition_parser", "ignore_row_if",
    )  # fmt: skip
    condition_value_keys = ()

    @column_pair_condition_partial(engine=PandasExecutionEngine)  # type: ignore[untyped-decorator]
    def _pandas(
        cls,
        column_A: "pd.Series[str]",
        column_B: "pd.Series[str]",
        **_: Any,
    ) -> "pd.Series[bool]":
        first, second = column_A.astype("str"), column_B.astype("str")
        lengths = [first.str.len().max(), second.str.len().max()]
        if lengths[0] != lengths[1] and len(first):
            first, second = first.str.slice(0, int(min(lengths))), second.str.slice(0, int(min(lengths)))
        return first <= second


class ExpectColumnPairDatesInOrder(ColumnPairMapExpectation):
    """`column_A` is not after `column_B`: ISO 8601 texts, compared as far as both go, so a time with a day by the day.

    Rows where either is missing are left out.
    """

    ignore_row_if: Literal["either_value_is_missing"] = "either_value_is_missing"
    map_metric = "column_pair_values.dates_in_order"
    success_keys = ("column_A", "column_B", "ignore_row_if", "mostly")
    args_keys = ("column_A", "column_B")


class _PeriodsApart(MulticolumnMapMetricProvider):
    condition_metric_name = "multicolumn_values.periods_apart"
    condition_domain_keys = (
        "batch_id", "table", "column_list", "row_condition", "condition_parser", "ignore_row_if",
    )  # fmt: skip
    condition_value_keys = ()

    @multicolumn_condition_partial(engine=PandasExecutionEngine)  # type: ignore[untyped-decorator]
    def _pandas(cls, column_list: pd.DataFrame, **_: Any) -> "pd.Series[bool]":
        periods = column_list.astype("str").set_axis(["key", "first", "last"], axis=1)
        periods["last"] = periods["last"].fillna("9999-12-31")
        periods = periods.sort_values(["key", "first"])
        # the latest end of those before it: a period may lie inside another
        before = periods.groupby("key")["last"].transform(lambda ends: ends.cummax().shift())
        return (before.isna() | (before < periods["first"])).reindex(column_list.index)


class ExpectPeriodsApart(MulticolumnMapExpectation):
    """No two periods of a key share a day. `column_list` is key, first day, last day (none: it goes on), as ISO 8601.

    The later one fails.
    """

    ignore_row_if: Literal["never"] = "never"
    map_metric = "multicolumn_values.periods_apart"
    success_keys = ("column_list", "ignore_row_if", "mostly")
    args_keys = ("column_list",)


class _EachOnceInGroup(MulticolumnMapMetricProvider):
    condition_metric_name = "multicolumn_values.each_once_in_group"
    condition_domain_keys = (
        "batch_id", "table", "column_list", "row_condition", "condition_parser", "ignore_row_if",
    )  # fmt: skip
    condition_value_keys = ("value_set",)

    @multicolumn_condition_partial(engine=PandasExecutionEngine)  # type: ignore[untyped-decorator]
    def _pandas(cls, column_list: pd.DataFrame, value_set: list[str], **_: Any) -> "pd.Series[bool]":
        values, *groups = (column_list[name] for name in column_list.columns)
        good = pd.Series(True, index=column_list.index)
        for value in value_set:
            good &= (values == value).groupby(groups, sort=False, observed=True).transform("sum") == 1
        return good


class ExpectEachOnceInGroup(MulticolumnMapExpectation):
    """Of the rows that agree in all columns but the first, exactly one has each of `value_set` in the first.

    All rows of a group that has one of them never, or more than once, fail. Other values may stand in it besides.
    """

    value_set: list[str]
    ignore_row_if: Literal["any_value_is_missing"] = "any_value_is_missing"
    map_metric = "multicolumn_values.each_once_in_group"
    success_keys = ("column_list", "value_set", "ignore_row_if", "mostly")
    args_keys = ("column_list", "value_set")


class _AllInGroup(MulticolumnMapMetricProvider):
    condition_metric_name = "multicolumn_values.all_in_group"
    condition_domain_keys = (
        "batch_id", "table", "column_list", "row_condition", "condition_parser", "ignore_row_if",
    )  # fmt: skip
    condition_value_keys = ("value_set",)

    @multicolumn_condition_partial(engine=PandasExecutionEngine)  # type: ignore[untyped-decorator]
    def _pandas(cls, column_list: pd.DataFrame, value_set: list[str], **_: Any) -> "pd.Series[bool]":
        values, *groups = (column_list[name].astype("str") for name in column_list.columns)
        there = values.where(values.isin(value_set)).groupby(groups, sort=False).transform("nunique")
        return there == len(value_set)


class ExpectAllInGroup(MulticolumnMapExpectation):
    """Among the rows that agree in all columns but the first, each of `value_set` stands in the first, however often.

    All rows of a group that lacks one fail.
    """

    value_set: list[str]
    ignore_row_if: Literal["any_value_is_missing"] = "any_value_is_missing"
    map_metric = "multicolumn_values.all_in_group"
    success_keys = ("column_list", "value_set", "ignore_row_if", "mostly")
    args_keys = ("column_list", "value_set")


class _SameInGroup(MulticolumnMapMetricProvider):
    condition_metric_name = "multicolumn_values.same_in_group"
    condition_domain_keys = (
        "batch_id", "table", "column_list", "row_condition", "condition_parser", "ignore_row_if",
    )  # fmt: skip
    condition_value_keys = ()

    @multicolumn_condition_partial(engine=PandasExecutionEngine)  # type: ignore[untyped-decorator]
    def _pandas(cls, column_list: pd.DataFrame, **_: Any) -> "pd.Series[bool]":
        values, *groups = (column_list[name] for name in column_list.columns)
        return values.astype("str").groupby(groups, sort=False, observed=True).transform("nunique") == 1


class ExpectSameInGroup(MulticolumnMapExpectation):
    """Rows that agree in all columns but the first agree in the first too. All rows of a group that do not fail."""

    ignore_row_if: Literal["any_value_is_missing"] = "any_value_is_missing"
    map_metric = "multicolumn_values.same_in_group"
    success_keys = ("column_list", "ignore_row_if", "mostly")
    args_keys = ("column_list",)


class _RateOfCount(MulticolumnMapMetricProvider):
    condition_metric_name = "multicolumn_values.rate_of_count"
    condition_domain_keys = (
        "batch_id", "table", "column_list", "row_condition", "condition_parser", "ignore_row_if",
    )  # fmt: skip
    condition_value_keys = ("per", "tolerance")

    @multicolumn_condition_partial(engine=PandasExecutionEngine)  # type: ignore[untyped-decorator]
    def _pandas(cls, column_list: pd.DataFrame, per: int, tolerance: float, **_: Any) -> "pd.Series[bool]":
        rate, count, denominator = (
            pd.to_numeric(column_list[name].astype("str"), errors="coerce") for name in column_list.columns
        )
        away = (rate - count * per / denominator).abs()
        # a rate and its tolerance are decimal fractions, which no float is; what is no number is for another check
        return (away <= tolerance + 1e-9) | away.isna()


class ExpectRateOfCount(MulticolumnMapExpectation):
    """A rate is what its count and denominator give. `column_list` is rate, count, denominator, as decimal texts.

    `per` is the number of the denominator's units that the rate is for, `tolerance` how far it may be away, in the
    rate's unit.
    """

    per: int
    tolerance: float
    ignore_row_if: Literal["any_value_is_missing"] = "any_value_is_missing"
    map_metric = "multicolumn_values.rate_of_count"
    success_keys = ("column_list", "per", "tolerance", "ignore_row_if", "mostly")
    args_keys = ("column_list", "per", "tolerance")


class _RatioBetween(MulticolumnMapMetricProvider):
    condition_metric_name = "multicolumn_values.ratio_between"
    condition_domain_keys = (
        "batch_id", "table", "column_list", "row_condition", "condition_parser", "ignore_row_if",
    )  # fmt: skip
    condition_value_keys = ("per", "min_value", "max_value")

    @multicolumn_condition_partial(engine=PandasExecutionEngine)  # type: ignore[untyped-decorator]
    def _pandas(
        cls, column_list: pd.DataFrame, per: int, min_value: float, max_value: float, **_: Any
    ) -> "pd.Series[bool]":
        numbers = column_list.astype("str").apply(pd.to_numeric, errors="coerce")
        ratio = numbers.iloc[:, 0] * per / numbers.iloc[:, 1:].sum(axis=1, skipna=False)
        good: pd.Series[bool] = ratio.between(min_value, max_value) | ratio.isna()
        return good  # what is no number is for another check


class ExpectRatioBetween(MulticolumnMapExpectation):
    """A number is, for each `per` of others, from `min_value` to `max_value`.

    `column_list` is the number, then the others, which are added, as texts.
    """

    per: int
    min_value: float
    max_value: float
    ignore_row_if: Literal["any_value_is_missing"] = "any_value_is_missing"
    map_metric = "multicolumn_values.ratio_between"
    success_keys = ("column_list", "per", "min_value", "max_value", "ignore_row_if", "mostly")
    args_keys = ("column_list", "per", "min_value", "max_value")


class _TotalOfRows(MulticolumnMapMetricProvider):
    condition_metric_name = "multicolumn_values.total_of_rows"
    condition_domain_keys = (
        "batch_id", "table", "column_list", "row_condition", "condition_parser", "ignore_row_if",
    )  # fmt: skip
    condition_value_keys = ("total",)

    @multicolumn_condition_partial(engine=PandasExecutionEngine)  # type: ignore[untyped-decorator]
    def _pandas(cls, column_list: pd.DataFrame, total: str, **_: Any) -> "pd.Series[bool]":
        values, names, *groups = (column_list[name].astype("str") for name in column_list.columns)
        numbers = pd.to_numeric(values, errors="coerce")
        is_total = names == total
        of_rows = numbers.mask(is_total).groupby(groups, sort=False).transform("sum")
        of_total = numbers.where(is_total).groupby(groups, sort=False).transform("sum", min_count=1)
        return of_rows == of_total


class ExpectTotalOfRows(MulticolumnMapExpectation):
    """The row named `total` has the sum of the others. `column_list` is number, name, and columns to group by.

    All rows of a group fail whose total is another, or that has none.
    """

    total: str
    ignore_row_if: Literal["any_value_is_missing"] = "any_value_is_missing"
    map_metric = "multicolumn_values.total_of_rows"
    success_keys = ("column_list", "total", "ignore_row_if", "mostly")
    args_keys = ("column_list", "total")


class _WholeOfParts(MulticolumnMapMetricProvider):
    condition_metric_name = "multicolumn_values.whole_of_parts"
    condition_domain_keys = (
        "batch_id", "table", "column_list", "row_condition", "condition_parser", "ignore_row_if",
    )  # fmt: skip
    condition_value_keys = ()

    @multicolumn_condition_partial(engine=PandasExecutionEngine)  # type: ignore[untyped-decorator]
    def _pandas(cls, column_list: pd.DataFrame, **_: Any) -> "pd.Series[bool]":
        numbers = column_list.astype("str").apply(pd.to_numeric, errors="coerce")
        away = numbers.iloc[:, 0] - numbers.iloc[:, 1:].sum(axis=1, skipna=False)
        good: pd.Series[bool] = (away == 0) | away.isna()
        return good  # what is no number is for another check


class ExpectWholeOfParts(MulticolumnMapExpectation):
    """A whole number is the sum of its parts. `column_list` is the whole, then the parts, as texts."""

    ignore_row_if: Literal["any_value_is_missing"] = "any_value_is_missing"
    map_metric = "multicolumn_values.whole_of_parts"
    success_keys = ("column_list", "ignore_row_if", "mostly")
    args_keys = ("column_list",)


class _NumbersInOrder(ColumnPairMapMetricProvider):
    condition_metric_name = "column_pair_values.numbers_in_order"
    condition_domain_keys = (
        "batch_id", "table", "column_A", "column_B", "row_condition", "condition_parser", "ignore_row_if",
    )  # fmt: skip
    condition_value_keys = ()

    @column_pair_condition_partial(engine=PandasExecutionEngine)  # type: ignore[untyped-decorator]
    def _pandas(cls, column_A: "pd.Series[str]", column_B: "pd.Series[str]", **_: Any) -> "pd.Series[bool]":
        first, second = (pd.to_numeric(column.astype("str"), errors="coerce") for column in (column_A, column_B))
        return (first <= second) | first.isna() | second.isna()  # what is no number is for another check


class ExpectColumnPairNumbersInOrder(ColumnPairMapExpectation):
    """`column_A` is not above `column_B`, as decimal texts. Rows where either is missing are left out."""

    ignore_row_if: Literal["either_value_is_missing"] = "either_value_is_missing"
    map_metric = "column_pair_values.numbers_in_order"
    success_keys = ("column_A", "column_B", "ignore_row_if", "mostly")
    args_keys = ("column_A", "column_B")


class ExpectNoFailingKeys(UnexpectedRowsExpectation):
    """A SELECT gives no row. It is run once and counted: what GX's own expectation fetches beside, it would not use."""

    metric_dependencies: ClassVar[tuple[str, ...]] = ("unexpected_rows_query.row_count",)

    def _validate(
        self,
        metrics: dict[str, Any],
        runtime_configuration: dict[str, Any] | None = None,
        execution_engine: Any = None,
    ) -> Any:
        metrics = metrics | {"unexpected_rows_query.table": []}
        return super()._validate(metrics, runtime_configuration, execution_engine)
