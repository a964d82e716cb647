"""Licence types of one matter: a child is born, and eleven items of six departments carry one case number.

Each department issues its own item; what ties them together is the claim ``case_number``, equal in all of them. A
scenario names it under ``linked``; readiness, wallet and reader check that it is one case (docs/spec/scenario.md §6).
"""

from __future__ import annotations

from protocol.licence_forms import PERSON_PREPARED, LicenceType, Title, field_table, prepared_table

_COMMON = """
    case_number       | 联办事项编号     | case number              | text | 2 |
    child_name        | 新生儿姓名       | name of the child        | text | 3 |
    child_birth_date  | 新生儿出生日期   | child's date of birth    | date | 3 |
    result            | 办理结果         | result                   | text | 2 |
    decided_on        | 办结日期         | decided on               | date | 2 |
    details           | 办理内容         | details                  | text | 4 | ?
"""

_PREPARED = prepared_table(
    """
    child_name_masked    | 新生儿姓名（脱敏） | name of the child, masked | text    | 1 | child_name       | surname
    child_born_in        | 新生儿出生年份     | child's year of birth     | integer | 2 | child_birth_date | year
    details_given        | 是否有办理内容     | details are given         | boolean | 1 | details          | given
    """
)

# type | number | 中文 | English | division
_TABLE = """
    birth-medical-certificate    | 41 | 出生医学证明           | Medical certificate of birth           | health
    birth-registration           | 42 | 生育登记服务凭证       | Registration of a birth                | health
    newborn-household-entry | 43 | 新生儿户口登记凭证 | Entry in the household register | public-security
    newborn-vaccination-record   | 44 | 预防接种证办理凭证     | Vaccination record opened              | health
    newborn-medical-insurance | 45 | 新生儿基本医保参保凭证 | Medical insurance of a newborn | medical-security
    newborn-security-card | 46 | 新生儿社会保障卡凭证 | Social security card of a newborn | human-resources
    maternity-allowance-decision | 47 | 生育津贴核定单 | Decision on maternity allowance | medical-security
    maternity-cost-settlement | 48 | 生育医疗费用结算单 | Settlement of maternity costs | medical-security
    childcare-subsidy-decision   | 49 | 育儿补贴核定单         | Decision on childcare subsidy          | health
    parents-identity-check | 50 | 父母身份核验结果 | Check of the parents' identity | public-security
    parents-marriage-check | 51 | 父母婚姻登记核验结果 | Check of the parents' marriage | civil-affairs
"""


def _type(line: str) -> LicenceType:
    name, number, zh, en, division = (cell.strip() for cell in line.split("|"))
    return LicenceType(
        name,
        1,
        Title(zh, en),
        int(number),
        "person",
        "family",
        division,
        field_table(_COMMON),
        _PREPARED,
        PERSON_PREPARED,
    )


BIRTH_TYPES = tuple(_type(line) for line in _TABLE.strip().splitlines())
