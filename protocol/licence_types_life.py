"""Licence types for work and wages, health, housing, support and transport: a part of the catalogue.

The catalogue, its laws and its groups stand in ``protocol/licence_types.py``.
"""

from __future__ import annotations

from protocol.licence_forms import PERSON_PREPARED, LicenceType, Title, field_table, prepared_table

LIFE_TYPES = (
    LicenceType(
        "wage-record",
        1,
        Title("工资支付记录", "Wage record"),
        11,
        "person",
        "work",
        "human-resources",
        field_table(
            """
            employer_name        | 用人单位               | employer                        | text    | 3 |
            project_name         | 工程项目               | project                         | text    | 3 | ?
            period_from          | 工资所属期起           | period from                     | date    | 2 |
            period_to            | 工资所属期止           | period to                       | date    | 2 |
            monthly_income       | 月均应发工资（分）     | monthly wage due (fen)          | integer | 4 |
            amount_due           | 应发工资（分）         | wages due (fen)                 | integer | 4 |
            amount_paid          | 实发工资（分）         | wages paid (fen)                | integer | 4 |
            paid_on              | 支付日期               | paid on                         | date    | 2 | ?
            paid_in_full         | 是否足额支付           | paid in full                    | boolean | 2 |
            special_account      | 是否由工资专用账户支付 | paid from the wage account      | boolean | 1 |
            """
        ),
        prepared_table(
            """
            income_at_least_3000 | 月均工资是否不低于3000元 | monthly wage at least 3,000 yuan | boolean | 2 |
            > monthly_income | at_least 300000
            income_at_least_5000 | 月均工资是否不低于5000元 | monthly wage at least 5,000 yuan | boolean | 2 |
            > monthly_income | at_least 500000
            income_below_2000 | 月均工资是否低于2000元 | monthly wage below 2,000 yuan | boolean | 2 |
            > monthly_income | below 200000
            income_band | 月均工资区间（分） | band of monthly wage (fen) | text | 3 |
            > monthly_income | band 200000 300000 500000 800000 1200000 2000000
            amount_due_band | 应发工资区间（分） | band of wages due (fen) | text | 3 |
            > amount_due | band 500000 1000000 3000000 10000000
            amount_paid_band | 实发工资区间（分） | band of wages paid (fen) | text | 3 |
            > amount_paid | band 500000 1000000 3000000 10000000
            """
        ),
        PERSON_PREPARED,
    ),
    LicenceType(
        "labour-contract",
        1,
        Title("劳动合同备案证明", "Record of a labour contract"),
        12,
        "person",
        "work",
        "human-resources",
        field_table(
            """
            employer_name | 用人单位     | employer          | text | 3 |
            employer_code | 统一社会信用代码 | employer's credit code | text | 2 |
            position      | 工作岗位     | position          | text | 2 |
            contract_from | 合同起始日期 | contract from     | date | 2 |
            contract_to   | 合同终止日期 | contract to       | date | 2 | ?
            wage_agreed   | 约定工资（分） | wage agreed (fen) | integer | 4 |
            """
        ),
        prepared_table(
            """
            wage_agreed_band | 约定工资区间（分） | band of wage agreed (fen) | text | 3 |
            > wage_agreed | band 200000 300000 500000 800000 1200000 2000000
            """
        ),
        PERSON_PREPARED,
    ),
    LicenceType(
        "medical-insurance-proof",
        1,
        Title("基本医疗保险参保凭证", "Proof of medical insurance"),
        13,
        "person",
        "health",
        "medical-security",
        field_table(
            """
            insurance_number | 医保编号     | insurance number    | text    | 4 |
            insured_region   | 参保地       | insured in          | text    | 2 |
            insurance_kind   | 险种类型     | kind of insurance   | text    | 2 |
            in_force         | 待遇是否正常 | benefits in force   | boolean | 1 |
            chronic_disease  | 门诊慢特病   | chronic disease     | text    | 5 | ?
            """
        ),
        prepared_table(
            """
            insurance_number_masked | 医保编号（脱敏） | insurance number, masked | text | 2 |
            > insurance_number | mask 0 4
            chronic_disease_given | 是否有门诊慢特病 | has a chronic disease | boolean | 4 |
            > chronic_disease | given
            """
        ),
        PERSON_PREPARED,
    ),
    LicenceType(
        "vaccination-record",
        1,
        Title("预防接种证", "Vaccination record"),
        14,
        "person",
        "health",
        "health",
        field_table(
            """
            complete_for_school | 入学接种是否完成 | complete for school | boolean | 1 |
            doses               | 接种剂次         | doses               | integer | 2 |
            last_dose_on        | 最近接种日期     | last dose on        | date    | 2 |
            history             | 接种明细         | list of vaccinations | text   | 4 | ?
            """
        ),
        prepared_table(
            """
            history_given | 是否有接种明细 | list of vaccinations is given | boolean | 1 | history | given
            """
        ),
        PERSON_PREPARED,
    ),
    LicenceType(
        "residence-permit",
        1,
        Title("居住证", "Residence permit"),
        15,
        "person",
        "identity",
        "public-security",
        field_table(
            """
            residence_address | 居住地址 | address of residence | text | 4 |
            resident_since    | 居住起始 | resident since       | date | 2 |
            """
        ),
        prepared_table(
            """
            residence_region  | 居住地区       | region of residence     | text    | 2 | residence_address | region
            resident_one_year | 是否居住满一年 | resident for one year   | boolean | 1 | resident_since    | years 1
            """
        ),
        PERSON_PREPARED,
    ),
    LicenceType(
        "lease-record",
        1,
        Title("房屋租赁登记备案证明", "Record of a lease"),
        16,
        "person",
        "property",
        "housing",
        field_table(
            """
            location   | 坐落         | location      | text    | 4 |
            use        | 用途         | use           | text    | 1 |
            lease_from | 租期起       | lease from    | date    | 2 |
            lease_to   | 租期止       | lease to      | date    | 2 |
            rent       | 月租金（分） | monthly rent (fen) | integer | 4 |
            """
        ),
        prepared_table(
            """
            location_region | 坐落所在地区       | region of location         | text | 2 | location | region
            rent_band | 月租金区间（分） | band of monthly rent (fen) | text | 2 |
            > rent | band 100000 200000 500000 1000000
            """
        ),
        PERSON_PREPARED,
    ),
    LicenceType(
        "disability-certificate",
        1,
        Title("残疾人证", "Disability certificate"),
        17,
        "person",
        "support",
        "disabled-persons",
        field_table(
            """
            kind      | 残疾类别 | kind of disability  | text    | 5 |
            level     | 残疾等级 | level of disability | integer | 4 |
            guardian  | 监护人   | guardian            | text    | 3 | ?
            """
        ),
        prepared_table(
            """
            kind_given       | 是否持有残疾类别     | a kind of disability is given | boolean | 3 | kind  | given
            severe           | 是否重度（一、二级） | severe (level 1 or 2)         | boolean | 3 | level | below 3
            """
        ),
        PERSON_PREPARED,
    ),
    LicenceType(
        "transport-qualification",
        1,
        Title("道路运输从业资格证", "Professional driver's qualification"),
        18,
        "person",
        "traffic",
        "transport",
        field_table(
            """
            qualification | 从业资格类别 | qualification   | text    | 1 |
            in_force      | 是否有效     | in force        | boolean | 1 |
            credit_grade  | 诚信考核等级 | grade of conduct | text   | 2 | ?
            """
        ),
        (),
        PERSON_PREPARED,
    ),
    LicenceType(
        "health-certificate",
        1,
        Title("从业人员健康证明", "Health certificate for food workers"),
        19,
        "person",
        "health",
        "health",
        field_table(
            """
            fit_for_food_work | 是否适合从事接触直接入口食品的工作 | fit to work with food | boolean | 1 |
            examined_on       | 体检日期                           | examined on           | date    | 2 |
            findings          | 体检结果                           | findings              | text    | 5 | ?
            """
        ),
        prepared_table(
            """
            findings_given | 是否有体检结果 | findings are given | boolean | 2 | findings | given
            """
        ),
        PERSON_PREPARED,
    ),
    LicenceType(
        "premises-proof",
        1,
        Title("经营场所使用证明", "Right to use business premises"),
        20,
        "enterprise",
        "operation",
        "housing",
        field_table(
            """
            premises   | 经营场所 | premises      | text | 1 |
            right_kind | 使用权来源 | right to use | text | 2 |
            use_until  | 使用期限 | may be used until | date | 2 | ?
            """
        ),
    ),
)
