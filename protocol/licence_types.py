"""Catalogue of licence types: titles, fields and their sensitivity, and which kind of body issues them.

What a type is called on chain is ``type_id``; in a credential it is ``vct``. Verifiers do not need this
catalogue to verify: it serves issuing, forms, "my data" and the readiness view. Law: a version of a
type is frozen once a credential of it exists; a changed field list is a new version. Prepared claims may be
added to a version, since none is ever required: a credential without one stays what it was.

The names of fields are ours. ``type_code`` has the form that public implementations of GB/T 36904 use
(18 characters of a defining body, 3 digits), with a defining body that does not exist. More types stand in
``protocol/licence_types_life.py`` and ``protocol/licence_types_birth.py``.
"""

from __future__ import annotations

from protocol.errors import Malformed
from protocol.hashing import keccak256
from protocol.licence_forms import (
    DEFINER,
    HOLDER_FIELDS,
    KINDS,
    PERSON_PREPARED,
    STANDARD_TITLES,
    BusinessField,
    LicenceType,
    PreparedClaim,
    Title,
)
from protocol.licence_forms import field_table as _fields
from protocol.licence_forms import prepared_table as _prepared
from protocol.licence_types_birth import BIRTH_TYPES
from protocol.licence_types_life import LIFE_TYPES

__all__ = [
    "CATALOGUE",
    "DEFINER",
    "DIMENSIONS",
    "DIVISIONS",
    "HOLDER_FIELDS",
    "KINDS",
    "PERSON_PREPARED",
    "BusinessField",
    "LicenceType",
    "PreparedClaim",
    "Title",
    "by_vct",
    "claim_titles",
    "licence_type",
    "type_id",
]


def type_id(licence_type: str) -> bytes:
    """How AgencyRegistry names a type: keccak256 of its UTF-8 bytes, 32 bytes. Versions share it."""
    return keccak256(licence_type.encode("utf-8"))


DIMENSIONS = {
    "identity": Title("身份户籍", "Identity and household"),
    "family": Title("婚姻家庭", "Marriage and family"),
    "education": Title("教育", "Education"),
    "social-security": Title("社会保障", "Social security"),
    "traffic": Title("交通出行", "Driving and vehicles"),
    "property": Title("不动产", "Property"),
    "operation": Title("经营许可", "Business and permits"),
    "tax": Title("税务", "Tax"),
    "work": Title("就业与工资", "Work and wages"),
    "health": Title("卫生健康", "Health"),
    "support": Title("救助与优待", "Support"),
}

DIVISIONS = {
    "public-security": Title("公安机关", "Public security"),
    "human-resources": Title("人力资源和社会保障部门", "Human resources and social security"),
    "market-regulation": Title("市场监督管理部门", "Market regulation"),
    "education": Title("教育部门", "Education"),
    "civil-affairs": Title("民政部门", "Civil affairs"),
    "natural-resources": Title("自然资源部门", "Natural resources"),
    "tax": Title("税务机关", "Tax administration"),
    "health": Title("卫生健康部门", "Health"),
    "medical-security": Title("医疗保障部门", "Medical security"),
    "transport": Title("交通运输部门", "Transport"),
    "housing": Title("住房和城乡建设部门", "Housing"),
    "disabled-persons": Title("残疾人联合会", "Disabled persons' federation"),
}

_ALL = (
    LicenceType(
        "resident-identity",
        1,
        Title("居民身份信息", "Resident identity"),
        1,
        "person",
        "identity",
        "public-security",
        _fields(
            """
            sex             | 性别         | sex                 | text    | 2 |
            ethnicity       | 民族         | ethnicity           | text    | 4 |
            birth_date      | 出生日期     | date of birth       | date    | 3 |
            address         | 住址         | address             | text    | 4 |
            age_over_18     | 是否年满18岁 | aged 18 or over     | boolean | 1 |
            age_over_60     | 是否年满60岁 | aged 60 or over     | boolean | 1 |
            """
        ),
        _prepared(
            """
            age_over_18    | 是否年满18岁   | aged 18 or over  | boolean | 1 | birth_date | years 18
            age_over_60    | 是否年满60岁   | aged 60 or over  | boolean | 1 | birth_date | years 60
            birth_year     | 出生年份       | year of birth    | integer | 2 | birth_date | year
            address_region | 住址所在地区   | region of address | text   | 2 | address    | region
            """
        ),
        PERSON_PREPARED,
    ),
    LicenceType(
        "household-register",
        1,
        Title("居民户口簿", "Household register"),
        2,
        "person",
        "identity",
        "public-security",
        _fields(
            """
            household_number   | 户号         | household number     | text | 4 |
            household_kind     | 户别         | kind of household    | text | 2 |
            head_of_household  | 户主姓名     | head of household    | text | 3 |
            relation_to_head   | 与户主关系   | relation to head     | text | 3 |
            registered_address | 户籍地址     | registered address   | text | 4 |
            registered_since   | 登记日期     | registered since     | date | 2 | ?
            """
        ),
        _prepared(
            """
            household_number_masked | 户号（脱敏） | household number, masked | text | 2 |
            > household_number | mask 0 2
            registered_region | 户籍所在地区 | region of registration | text | 2 |
            > registered_address | region
            """
        ),
        PERSON_PREPARED,
    ),
    LicenceType(
        "driving-licence",
        1,
        Title("机动车驾驶证", "Driving licence"),
        3,
        "person",
        "traffic",
        "public-security",
        _fields(
            """
            vehicle_classes  | 准驾车型     | vehicle classes      | text    | 1 |
            first_issue_date | 初次领证日期 | date of first issue  | date    | 2 |
            birth_date       | 出生日期     | date of birth        | date    | 3 |
            address          | 住址         | address              | text    | 4 |
            archive_number   | 档案编号     | archive number       | text    | 3 |
            penalty_points   | 累积记分     | penalty points       | integer | 3 | ?
            standing         | 驾驶证状态   | standing             | text    | 2 |
            """
        ),
        _prepared(
            """
            age_over_18 | 是否年满18岁 | aged 18 or over | boolean | 1 |
            > birth_date | years 18
            held_for_3_years | 驾龄是否满3年 | held for 3 years | boolean | 1 |
            > first_issue_date | years 3
            points_below_9 | 累积记分低于9分 | fewer than 9 points | boolean | 1 |
            > penalty_points | below 9
            address_region | 住址所在地区 | region of address | text | 2 |
            > address | region
            """
        ),
        PERSON_PREPARED,
    ),
    LicenceType(
        "social-insurance-proof",
        1,
        Title("社会保险参保证明", "Proof of social insurance"),
        4,
        "person",
        "social-security",
        "human-resources",
        _fields(
            """
            insured_region      | 参保地           | insured in                | text    | 2 |
            insurance_kinds     | 险种             | kinds of insurance        | text    | 2 |
            insured_since       | 首次参保日期     | insured since             | date    | 2 |
            months_paid         | 累计缴费月数     | months paid               | integer | 2 |
            contribution_base   | 缴费基数（分）   | contribution base (fen)   | integer | 4 |
            employer_name       | 参保单位         | employer                  | text    | 3 | ?
            insured_status      | 参保状态         | status of insurance       | text    | 2 |
            paid_last_12_months | 近12个月连续缴费 | paid for the last 12 months | boolean | 1 |
            """
        ),
        _prepared(
            """
            base_at_least_5000 | 缴费基数是否不低于5000元 | contribution base at least 5,000 yuan | boolean | 2 |
            > contribution_base | at_least 500000
            contribution_base_band | 缴费基数区间（分） | band of contribution base (fen) | text | 3 |
            > contribution_base | band 300000 500000 800000 1200000 2000000
            paid_at_least_12_months | 累计缴费是否满12个月 | 12 months paid or more | boolean | 1 |
            > months_paid | at_least 12
            paid_at_least_60_months | 累计缴费是否满60个月 | 60 months paid or more | boolean | 1 |
            > months_paid | at_least 60
            """
        ),
        PERSON_PREPARED,
    ),
    LicenceType(
        "diploma",
        1,
        Title("学历证书", "Diploma"),
        5,
        "person",
        "education",
        "education",
        _fields(
            """
            school            | 学校         | school                | text | 1 |
            major             | 专业         | major                 | text | 1 |
            level             | 学历层次     | level                 | text | 1 |
            study_mode        | 学习形式     | mode of study         | text | 2 |
            enrolment_date    | 入学日期     | date of enrolment     | date | 2 |
            graduation_date   | 毕业日期     | date of graduation    | date | 1 |
            graduation_status | 毕（结）业   | result of studies     | text | 2 |
            """
        ),
        (),
        PERSON_PREPARED,
    ),
    LicenceType(
        "marriage-certificate",
        1,
        Title("结婚证", "Marriage certificate"),
        6,
        "person",
        "family",
        "civil-affairs",
        _fields(
            """
            registration_date      | 登记日期       | date of registration     | date | 3 |
            spouse_name            | 配偶姓名       | name of spouse           | text | 4 |
            spouse_identity_number | 配偶证件号码   | identity number of spouse | text | 5 |
            registration_office    | 登记机关       | registration office      | text | 2 |
            """
        ),
        _prepared(
            """
            spouse_name_masked | 配偶姓名（脱敏） | name of spouse, masked | text | 2 |
            > spouse_name | surname
            spouse_identity_number_masked | 配偶证件号码（脱敏） | identity number of spouse, masked | text | 3 |
            > spouse_identity_number | mask 0 4
            registration_year | 登记年份 | year of registration | integer | 2 |
            > registration_date | year
            """
        ),
        PERSON_PREPARED,
    ),
    LicenceType(
        "property-certificate",
        1,
        Title("不动产权证书", "Property certificate"),
        7,
        "person",
        "property",
        "natural-resources",
        _fields(
            """
            unit_number       | 不动产单元号         | unit number             | text    | 4 |
            location          | 坐落                 | location                | text    | 4 |
            right_kind        | 权利类型             | kind of right           | text    | 3 |
            use               | 用途                 | use                     | text    | 2 |
            area_cm2          | 面积（平方厘米）     | area (cm²)              | integer | 3 |
            co_ownership      | 共有情况             | co-ownership            | text    | 3 |
            mortgaged         | 是否抵押             | mortgaged               | boolean | 3 |
            """
        ),
        _prepared(
            """
            unit_number_masked | 不动产单元号（脱敏） | unit number, masked | text | 2 | unit_number | mask 0 4
            location_region    | 坐落所在地区         | region of location  | text | 2 | location    | region
            area_band | 面积区间（平方厘米） | band of area (cm²) | text | 2 |
            > area_cm2 | band 600000 900000 1200000 2000000
            """
        ),
        PERSON_PREPARED,
    ),
    LicenceType(
        "business-licence",
        1,
        Title("营业执照", "Business licence"),
        8,
        "enterprise",
        "operation",
        "market-regulation",
        _fields(
            """
            enterprise_kind      | 类型               | kind of enterprise        | text    | 1 |
            legal_representative | 法定代表人         | legal representative      | text    | 2 |
            registered_capital   | 注册资本（分）     | registered capital (fen)  | integer | 1 |
            established          | 成立日期           | established               | date    | 1 |
            premises             | 住所               | premises                  | text    | 1 |
            business_scope       | 经营范围           | scope of business         | text    | 1 |
            registration_office  | 登记机关           | registration office       | text    | 1 |
            """
        ),
    ),
    LicenceType(
        "food-licence",
        1,
        Title("食品经营许可证", "Food licence"),
        9,
        "enterprise",
        "operation",
        "market-regulation",
        _fields(
            """
            premises           | 经营场所       | premises               | text | 1 |
            business_form      | 主体业态       | form of business       | text | 1 |
            permitted_items    | 经营项目       | permitted items        | text | 1 |
            person_in_charge   | 食品安全管理员 | food safety manager    | text | 2 |
            supervising_office | 日常监督机构   | supervising office     | text | 1 |
            """
        ),
    ),
    LicenceType(
        "tax-proof",
        1,
        Title("完税证明", "Proof of tax payment"),
        10,
        "enterprise",
        "tax",
        "tax",
        _fields(
            """
            tax_kinds        | 税种             | kinds of tax            | text    | 3 |
            period_from      | 税款所属期起     | period from             | date    | 2 |
            period_to        | 税款所属期止     | period to               | date    | 2 |
            amount_paid      | 实缴金额（分）   | amount paid (fen)       | integer | 4 |
            credit_grade     | 纳税信用级别     | tax credit grade        | text    | 2 | ?
            arrears          | 是否欠税         | in arrears              | boolean | 3 |
            """
        ),
        _prepared(
            """
            amount_paid_band | 实缴金额区间（分） | band of amount paid (fen) | text | 2 |
            > amount_paid | band 1000000 10000000 100000000 1000000000
            """
        ),
    ),
)

CATALOGUE: dict[str, LicenceType] = {t.vct: t for t in (*_ALL, *LIFE_TYPES, *BIRTH_TYPES)}


def licence_type(name: str, version: int | None = None) -> LicenceType:
    """The type of this name, the newest version unless one is named; ``Malformed`` if there is none."""
    found = [t for t in CATALOGUE.values() if t.type == name and version in {None, t.version}]
    if not found:
        raise Malformed("licence_type_unknown", "no licence type {name} in the catalogue", name=name[:64])
    return max(found, key=lambda t: t.version)


def by_vct(vct: str) -> LicenceType | None:
    """The catalogued type of a ``vct``, or None: a foreign type still verifies."""
    return CATALOGUE.get(vct)


def claim_titles(vct: str) -> dict[str, Title]:
    """What the claims of a type are called, by RFC 6901 pointer; of a foreign type those that every licence has."""
    kind = by_vct(vct)
    titles = {pointer: title for pointer, (title, _) in STANDARD_TITLES.items()}
    titles |= {f"/holder/{field.name}": field.title for field in HOLDER_FIELDS}
    return titles | {pointer: field.title for pointer, field in (kind.graded() if kind else {}).items()}
